"""Answers of a real model, kept as a file, for tests of what shows Markdown.

    python -m tests.support.model_answers

asks the demo model anew (minutes on a CPU) and writes `model_answers.jsonl` beside this file: one
question and its answer a line, as the model wrote them.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from pathlib import Path

from inference.api import ChatMessage, Engine, GenerationRequest, Sampling
from inference.settings import EngineSettings
from inference.start import build_engine
from tests.support.demo import CACHE, quiet

FILE = Path(__file__).with_suffix(".jsonl")
ANSWER_TOKENS = 900
AT_ONCE = 8
SYSTEM = "You are a helpful assistant. Answer in Markdown."

QUESTIONS = (
    "How do I make pancakes? Give a numbered list of steps.",
    "Write a Python function that sorts a list, with an explanation.",
    "Compare cats and dogs in a Markdown table with three rows.",
    "Explain photosynthesis with headings and bullet points.",
    "Write a bash script that renames all files in a folder.",
    "List ten European capitals with one sentence each.",
    "Schreibe ein kurzes Gedicht über den Herbst.",
    "¿Cuáles son los planetas del sistema solar? Usa una lista.",
    "Write a long story about a dog who learns to sail.",
    "What is the quadratic formula? Show the steps with math.",
    "Give me a JSON example of a user profile and explain each field.",
    "Write a README for a small command line tool, with code blocks.",
    "Make a nested list of animals: mammals, birds, fish, each with examples.",
    "Write an e-mail to a landlord about a broken heater.",
    "Explain recursion to a child, with an example in JavaScript.",
    "Write a weekly meal plan as a table.",
    "What is the difference between TCP and UDP?",
    "Give me a task list for moving house, with check boxes.",
    "Quote three proverbs as block quotes and explain them.",
    "Write HTML for a simple page with a form.",
    "Write a SQL query that counts orders per customer, and explain it.",
    "Tell me about the history of Rome in about 800 words.",
    "Use **bold**, *italic*, `code` and ~~strikethrough~~ in a few sentences.",
    "Write a C++ program that prints the first 20 prime numbers.",
    "Give five links to learn programming, as Markdown links.",
    "Write a haiku with emoji in each line.",
    "Explain how a bill becomes a law, step by step, with sub-steps.",
    "Write a dialogue between a teacher and a student about gravity.",
    "What are the pros and cons of remote work? Use two lists.",
    "Write a regular expression for dates and explain every part.",
    "Summarise the water cycle in exactly five bullet points.",
    "Write a recipe for bread with an ingredients table and numbered steps.",
    "Translate 'good morning' into ten languages, as a table.",
    "Write a YAML file for a web service and explain each key.",
    "Explain what an operating system does, with many headings.",
    "Write a very long list of one hundred English verbs.",
    "How does a car engine work? Include a diagram in ASCII art.",
    "Write unit tests in Python for a calculator class.",
    "What should I pack for a week in the mountains?",
    "Explain the Pythagorean theorem and prove it, with formulas.",
    "Write a changelog for version 2.0 of a text editor.",
    "Écris une lettre de motivation pour un stage.",
)


async def main() -> None:
    engine = build_engine(EngineSettings(), CACHE)
    await engine.start(quiet)
    turn = asyncio.Semaphore(AT_ONCE)
    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(_answer(engine, turn, one)) for one in QUESTIONS]
    finally:
        await engine.stop()
    with FILE.open("w", encoding="utf-8") as file:
        for question, task in zip(QUESTIONS, tasks, strict=True):
            line = {"question": question, "answer": task.result()}
            file.write(json.dumps(line, ensure_ascii=False) + "\n")


async def _answer(engine: Engine, turn: asyncio.Semaphore, question: str) -> str:
    async with turn:
        prompt = await engine.render([ChatMessage("system", SYSTEM), ChatMessage("user", question)])
        request = GenerationRequest(question, prompt, Sampling(max_tokens=ANSWER_TOKENS))
        return "".join([delta.text async for delta in engine.generate(request)])


def model_answers() -> Sequence[str]:
    """What stands in the file."""
    lines = FILE.read_text("utf-8").splitlines()
    return [json.loads(line)["answer"] for line in lines]


if __name__ == "__main__":
    asyncio.run(main())
