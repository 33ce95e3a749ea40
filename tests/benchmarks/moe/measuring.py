"""One row for each provider and question, whatever happens to one of them."""

from __future__ import annotations

import gc
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import torch

from tests.benchmarks.moe.absent import reason
from tests.benchmarks.moe.card import Card
from tests.benchmarks.moe.providers import Provider, Ready
from tests.benchmarks.moe.questions import Question
from tests.benchmarks.moe.roof import Roof, copied
from tests.benchmarks.moe.rows import COPY, Row
from tests.benchmarks.moe.shapes import Shape
from tests.benchmarks.moe.timing import Times, copies, timed
from tests.benchmarks.moe.weights import random_weights


@dataclass(frozen=True, slots=True)
class Bench:
    """What measures: the device, which card it is, and what that reaches at best."""

    device: str
    card: Card
    roof: Roof

    def rows(
        self,
        asked: Sequence[Question],
        providers: Sequence[Provider],
        known: Mapping[tuple[str, str, int], float],
    ) -> Iterator[Row]:
        """Of one layer. First the copies, then one provider after another, for the memory.

        `known`: seconds of the roof for a layer, routing and number of tokens that were measured
        before, and are not measured again.
        """
        roofs = dict(known)
        for question in asked:
            if question.key not in roofs:
                times = copied(_bytes(question, "int4"), self.device)
                multiplying = question.shape.flops(question.tokens) / self.roof.multiply
                roofs[question.key] = max(times.p50, multiplying)
                yield self._row(question, roofs[question.key], COPY, "int4", times)
        for provider in providers:
            yield from self._provided(provider, [(one, roofs[one.key]) for one in asked])
            gc.collect()
            if self.device == "cuda":
                torch.cuda.empty_cache()

    def _provided(
        self, provider: Provider, asked: Sequence[tuple[Question, float]]
    ) -> Iterator[Row]:
        who = provider.name, provider.form
        try:
            layers = self._layers(provider, asked[0][0].shape)
        except Exception as error:
            for question, roof in asked:
                yield self._row(question, roof, *who, why_not=reason(error))
            return
        for question, roof in asked:
            try:
                times, error = _answered(layers, question)
                yield self._row(question, roof, *who, times, error)
            except Exception as problem:
                yield self._row(question, roof, *who, why_not=reason(problem))

    def _layers(self, provider: Provider, shape: Shape) -> list[Ready]:
        """So many that none of them is in the cache when it is read again."""
        count = copies(shape.expert_bytes(provider.form)) if self.device == "cuda" else 1
        return [provider.ready(random_weights(shape, seed, self.device)) for seed in range(count)]

    def _row(
        self,
        question: Question,
        roof: float,
        provider: str,
        form: str,
        times: Times | None = None,
        error: float | None = None,
        why_not: str = "",
    ) -> Row:
        moved, flops = _bytes(question, form), question.shape.flops(question.tokens)
        p20, p50, p80 = (times.p20, times.p50, times.p80) if times else (None, None, None)
        computes = p50 and provider != COPY
        return Row(
            layer=question.shape.name,
            routing=question.routing,
            provider=provider,
            form=form,
            tokens=question.tokens,
            experts_met=question.distinct,
            p20_us=p20 and p20 * 1e6,
            p50_us=p50 and p50 * 1e6,
            p80_us=p80 and p80 * 1e6,
            roof_us=roof * 1e6,
            bytes=moved,
            share_bandwidth=moved / p50 / self.roof.bandwidth if p50 else None,
            share_tensor=flops / p50 / self.roof.multiply if computes else None,
            error=error,
            why_not=why_not,
            copy_gbs=self.roof.bandwidth / 1e9,
            peak_tflops=self.roof.multiply / 1e12,
            card=self.card,
        )


def _answered(layers: Sequence[Ready], question: Question) -> tuple[Times, float]:
    calls = [layer(question.x, question.weights, question.ids) for layer in layers]
    error = distance(calls[0](), question.truth)
    return timed(calls), error


def distance(found: torch.Tensor, truth: torch.Tensor) -> float:
    """‖found − truth‖ / ‖truth‖."""
    return float((found.float() - truth).norm() / truth.norm())


def _bytes(question: Question, form: str) -> int:
    return question.shape.least_bytes(form, question.tokens, question.distinct)
