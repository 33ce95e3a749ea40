"""What the model hub says of a model, by its own client; and what it refuses, in our words.

`HF_ENDPOINT` names another hub that speaks the same. A token is sent to the hub alone, never to
where it sends us for the files, and stands in no error.
"""

from __future__ import annotations

import hashlib
import os
import re
from dataclasses import dataclass
from typing import Any

from inference.errors import WeightsNotFetched

ASK_SECONDS = 30.0
# What vLLM reads of a model, and what belongs beside it. No pickles: those can run code.
_WANTED = (".safetensors", ".json", ".jinja", ".model", ".tiktoken", ".txt", ".md")
_OURS = ("outrider-weights.json", "NOTICE.outrider.txt")  # manifest.MANIFEST, fetch.NOTICE
_PAPERS = ("LICENSE", "LICENCE", "NOTICE", "USE_POLICY")
# Parts of paths and addresses are made of these; so nothing else is taken for one.
_SHA256 = re.compile(r"[0-9a-f]{64}")
_GIT_ID = re.compile(r"[0-9a-f]{40}")


@dataclass(frozen=True, slots=True)
class HubFile:
    """`sha256` is the content's; small files have "" there, and `git_id` is git's SHA-1 of them."""

    name: str
    size_bytes: int
    sha256: str
    git_id: str

    @property
    def checksum(self) -> str:
        return self.sha256 or self.git_id

    def digest(self) -> Any:
        """A new hash object, whose hexdigest over the whole content must be `checksum`."""
        if self.sha256:
            return hashlib.sha256()
        return hashlib.sha1(f"blob {self.size_bytes}\0".encode(), usedforsecurity=False)


@dataclass(frozen=True, slots=True)
class HubModel:
    """A model at one commit."""

    repo: str
    commit: str
    files: tuple[HubFile, ...]

    @property
    def size_bytes(self) -> int:
        return sum(file.size_bytes for file in self.files)


class Hub:
    """`token` None is the one that the hub's own tools know (`HF_TOKEN`, `hf auth login`)."""

    def __init__(self, token: str | None = None, endpoint: str | None = None) -> None:
        self._token = token
        chosen = endpoint or os.environ.get("HF_ENDPOINT")
        self._endpoint = chosen.rstrip("/") if chosen else None

    def model(self, repo: str, revision: str = "") -> HubModel:
        """Ask for the files of a model. Blocks. Raises WeightsNotFetched."""
        refuse_offline(repo)
        from huggingface_hub import HfApi
        from huggingface_hub.errors import HfHubHTTPError

        hub = HfApi(endpoint=self._endpoint, token=self.token() or False)
        try:
            found = hub.model_info(
                repo, revision=revision or None, files_metadata=True, timeout=ASK_SECONDS
            )
        except HfHubHTTPError as error:
            code = error.response.headers.get("X-Error-Code", "")
            raise self.refused(repo, error.response.status_code, code) from error
        except Exception as error:  # its HTTP client's, which moves from version to version
            # No text of it, which may hold a signed address.
            raise unreachable(type(error).__name__) from error
        files = tuple(_file(one) for one in found.siblings or () if _is_wanted(one.rfilename))
        return HubModel(repo, _checked_commit(repo, found.sha), _without_twins(repo, files))

    def url(self, model: HubModel, file: HubFile) -> str:
        from huggingface_hub import hf_hub_url

        at = {"revision": model.commit, "endpoint": self._endpoint}
        return str(hf_hub_url(model.repo, file.name, **at))

    def headers(self) -> dict[str, str]:
        token = self.token()
        return {"Authorization": f"Bearer {token}"} if token else {}

    def token(self) -> str | None:
        from huggingface_hub import get_token

        return self._token or get_token()

    def page(self, repo: str) -> str:
        return f"{self._endpoint or 'https://huggingface.co'}/{repo}"

    def refused(self, repo: str, status: int, code: str) -> WeightsNotFetched:
        """What a status means; `code` is the hub's `X-Error-Code`."""
        known = bool(self.token())
        asked = "set HF_TOKEN, or OUTRIDER_ENGINE__HUB_TOKEN, to a token that may read it"
        if code == "GatedRepo" or (status == 403 and code != "RepoNotFound"):
            return WeightsNotFetched(
                f"{repo} is given out on request: ask for it at {self.page(repo)}, and {asked}."
            )
        if code == "RevisionNotFound":
            return WeightsNotFetched(
                f"{repo} has no such revision on the hub: check the profile's revision."
            )
        if status == 401 and known and code != "RepoNotFound":
            return WeightsNotFetched(f"The hub doesn't take the token: {asked}.")
        if status in (401, 404):
            by_whom = "with this token" if known else "without a token"
            return WeightsNotFetched(
                f"The hub shows no {repo} {by_whom}: check the name; where the model is private "
                f"or given out on request, {asked}."
            )
        return WeightsNotFetched(
            f"The hub answered {status} for {repo}: start again in a while; what was fetched is "
            "kept."
        )


def refuse_offline(repo: str) -> None:
    if os.environ.get("HF_HUB_OFFLINE", "") not in ("", "0"):
        raise WeightsNotFetched(
            f"{repo} is not on this machine and HF_HUB_OFFLINE forbids to fetch it: unset that, or "
            "set OUTRIDER_ENGINE__MODEL to the folder that has it."
        )


def unreachable(reason: str) -> WeightsNotFetched:
    return WeightsNotFetched(
        f"The hub can't be reached ({reason}): check the network and start again; what was "
        "fetched is kept."
    )


def _file(sibling: Any) -> HubFile:
    lfs = sibling.lfs
    size = lfs.size if lfs is not None else sibling.size
    sha256 = lfs.sha256 if lfs is not None else ""
    git_id = sibling.blob_id or ""
    stated = _SHA256.fullmatch(sha256) if lfs is not None else _GIT_ID.fullmatch(git_id)
    if not isinstance(size, int) or size < 0 or not stated:
        raise WeightsNotFetched(
            f"The hub states no size or no checksum of {sibling.rfilename}: fetch the model by "
            "other means, and set OUTRIDER_ENGINE__MODEL to its folder."
        )
    return HubFile(sibling.rfilename, size, sha256, git_id)


def _is_wanted(name: str) -> bool:
    """Files of the top folder: what lies deeper is the same model in other formats. One in the
    place of a file of ours would have two contents, and be fetched anew at each start."""
    if "/" in name or "\\" in name or name.startswith(".") or not name.isprintable():
        return False
    if name in _OURS:
        return False
    return name.endswith(_WANTED) or name.upper().startswith(_PAPERS)


def _without_twins(repo: str, files: tuple[HubFile, ...]) -> tuple[HubFile, ...]:
    """Without a second set of weights in its maker's own format, where there is one."""
    weights = [file.name for file in files if file.name.endswith(".safetensors")]
    if not weights:
        raise WeightsNotFetched(f"{repo} has no safetensors on the hub: choose a model that has.")
    second = {name for name in weights if name.startswith("consolidated")}
    if second == set(weights):
        return files
    return tuple(file for file in files if file.name not in second)


def _checked_commit(repo: str, commit: str | None) -> str:
    if not commit or not _GIT_ID.fullmatch(commit):
        raise WeightsNotFetched(f"The hub names no commit of {repo}: check HF_ENDPOINT.")
    return commit
