"""A small real HTTP server that speaks the model hub's API as `huggingface_hub` uses it.

It lists a model's files with their checksums and sends who asks for a large one to a second server,
by a signed address, as the hub does with its storage. It gives some models to some tokens only, and
can break a line off in the middle of a file, send other bytes than it stated, and be away.
"""

from __future__ import annotations

import asyncio
import hashlib
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

TOKEN = "hf_of-a-reader"  # in the list of who asked for the gated models
STRANGER = "hf_of-a-stranger"
SIGNATURE = "Signature=a-secret-of-the-storage"


@dataclass
class HubRepo:
    """`files` by name; those of weights are large files. A change makes a new commit."""

    name: str
    files: dict[str, bytes]
    gated: bool = False
    private: bool = False

    @property
    def commit(self) -> str:
        digest = hashlib.sha1(usedforsecurity=False)
        for name, content in sorted(self.files.items()):
            digest.update(name.encode() + hashlib.sha1(content, usedforsecurity=False).digest())
        return digest.hexdigest()


@dataclass
class HubServer:
    """`break_at` cuts the line once for each number in it, after so many bytes of an answer.

    `stated_bytes` and `stated_checksums` are not true; `forged` sends these bytes in place of a
    file's own; `refusals` are statuses for the next requests for files; `ignores_ranges` always
    sends a file from its beginning; `sends_in_circles` redirects to itself.
    """

    repos: dict[str, HubRepo] = field(default_factory=dict)
    break_at: list[int] = field(default_factory=list)
    stated_bytes: dict[str, int] = field(default_factory=dict)
    stated_checksums: dict[str, str] = field(default_factory=dict)
    forged: dict[str, bytes] = field(default_factory=dict)
    refusals: list[int] = field(default_factory=list)
    ignores_ranges: bool = False
    sends_in_circles: bool = False
    hold: asyncio.Event | None = None  # after the first bytes nothing more comes until it is set
    lists: list[str] = field(default_factory=list)
    ranges: list[tuple[str, str]] = field(default_factory=list)  # (file, Range) as asked
    storage_headers: list[dict[str, str]] = field(default_factory=list)
    url: str = ""
    _storage: str = ""
    _runners: list[web.AppRunner] = field(default_factory=list)

    def add(self, name: str, files: dict[str, bytes], **kind: bool) -> HubRepo:
        self.repos[name] = HubRepo(name, files, **kind)
        return self.repos[name]

    async def start(self) -> None:
        hub = web.Application()
        hub.router.add_get("/api/models/{org}/{name}", self._info)
        hub.router.add_get("/api/models/{org}/{name}/revision/{revision}", self._info)
        hub.router.add_get("/{org}/{name}/resolve/{revision}/{file}", self._resolve)
        hub.router.add_get("/api/models/{org}/{name}/tree/{revision}", self._tree)
        storage = web.Application()
        storage.router.add_get("/{org}/{name}/{file}", self._stored)
        # Another host for the client, so that it must not bring the token along.
        self._storage = await self._serve(storage, "localhost")
        self.url = await self._serve(hub, "127.0.0.1")

    async def stop(self) -> None:
        for runner in self._runners:
            await runner.cleanup()

    async def _serve(self, app: web.Application, host: str) -> str:
        runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=0.1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        self._runners.append(runner)
        return f"http://{host}:{runner.addresses[0][1]}"

    async def _info(self, request: web.Request) -> web.Response:
        repo = self._repo(request, listing=True)
        if isinstance(repo, web.Response):
            return repo
        revision = request.match_info.get("revision", "main")
        if revision not in ("main", repo.commit):
            return _error(404, "RevisionNotFound")
        self.lists.append(repo.name)
        siblings = [_sibling(name, content) for name, content in repo.files.items()]
        for one in siblings:
            if one["rfilename"] in self.stated_bytes:
                one["lfs"]["size"] = self.stated_bytes[one["rfilename"]]
            if one["rfilename"] in self.stated_checksums:
                one["lfs"]["sha256"] = self.stated_checksums[one["rfilename"]]
        stated = {"id": repo.name, "sha": repo.commit, "siblings": siblings}
        return web.json_response(stated | {"gated": "manual" if repo.gated else False})

    async def _tree(self, request: web.Request) -> web.Response:
        """The listing as the hub's own downloads read it."""
        repo = self._repo(request, listing=True)
        if isinstance(repo, web.Response):
            return repo
        listed = []
        for one in (_sibling(name, content) for name, content in repo.files.items()):
            entry = {"type": "file", "path": one["rfilename"], "size": one["size"]}
            entry |= {"oid": one["blobId"]}
            if "lfs" in one:
                entry["lfs"] = {"oid": one["lfs"]["sha256"], **one["lfs"]}
            listed.append(entry)
        return web.json_response(listed)

    async def _resolve(self, request: web.Request) -> web.StreamResponse:
        repo = self._repo(request, listing=False)
        if isinstance(repo, web.Response):
            return repo
        name = request.match_info["file"]
        if request.match_info["revision"] != repo.commit:
            return _error(404, "RevisionNotFound")
        if name not in repo.files:
            return _error(404, "EntryNotFound")
        if self.refusals:
            return web.Response(status=self.refusals.pop(0))
        if self.sends_in_circles:
            raise web.HTTPFound(request.path)
        if not _is_large(name):
            return await self._send(request, name, repo.files[name], repo.commit)
        linked = {"X-Linked-Etag": hashlib.sha256(repo.files[name]).hexdigest()}
        linked |= {"X-Linked-Size": str(len(repo.files[name])), "X-Repo-Commit": repo.commit}
        address = f"{self._storage}/{repo.name}/{name}?{SIGNATURE}"
        raise web.HTTPFound(address, headers=linked)

    async def _stored(self, request: web.Request) -> web.StreamResponse:
        self.storage_headers.append(dict(request.headers))
        if request.query_string != SIGNATURE:
            return web.Response(status=403)
        repo = self.repos["{org}/{name}".format(**request.match_info)]
        name = request.match_info["file"]
        return await self._send(request, name, repo.files[name])

    async def _send(
        self, request: web.Request, name: str, content: bytes, commit: str = ""
    ) -> web.StreamResponse:
        content = self.forged.get(name, content)
        asked = "" if self.ignores_ranges else request.headers.get("Range", "")
        self.ranges.append((name, request.headers.get("Range", "")))
        begin = int(asked.removeprefix("bytes=").rstrip("-")) if asked else 0
        response = web.StreamResponse(status=206 if asked else 200)
        response.headers["ETag"] = f'"{hashlib.sha1(content, usedforsecurity=False).hexdigest()}"'
        if commit:
            response.headers["X-Repo-Commit"] = commit
        response.content_length = len(content) - begin
        await response.prepare(request)
        if request.method == "HEAD":
            return response
        rest = content[begin:]
        if self.hold is not None and _is_large(name):
            await response.write(rest[:1000])
            await self.hold.wait()
        elif self.break_at and _is_large(name):
            await response.write(rest[: self.break_at.pop(0)])
            assert request.transport is not None
            request.transport.close()
            return response
        else:
            await response.write(rest)
        await response.write_eof()
        return response

    def _repo(self, request: web.Request, *, listing: bool) -> HubRepo | web.Response:
        """The one that is asked for, or the hub's refusal. Gated models are listed to anybody."""
        said = request.headers.get("Authorization", "").removeprefix("Bearer ")
        if said not in ("", TOKEN, STRANGER):
            message = "Invalid credentials in Authorization header"
            return web.Response(status=401, headers={"X-Error-Message": message})
        repo = self.repos.get("{org}/{name}".format(**request.match_info))
        if repo is None or (repo.private and said != TOKEN):
            return _error(404 if said else 401, "RepoNotFound")
        if repo.gated and said != TOKEN and not listing:
            return _error(403 if said else 401, "GatedRepo")
        return repo


def _is_large(name: str) -> bool:
    return name.endswith(".safetensors")


def _sibling(name: str, content: bytes) -> dict[str, Any]:
    git = hashlib.sha1(f"blob {len(content)}\0".encode() + content, usedforsecurity=False)
    stated = {"rfilename": name, "size": len(content), "blobId": git.hexdigest()}
    if _is_large(name):
        sha256 = hashlib.sha256(content).hexdigest()
        stated["lfs"] = {"sha256": sha256, "size": len(content), "pointerSize": 134}
    return stated


def _error(status: int, code: str) -> web.Response:
    return web.Response(status=status, headers={"X-Error-Code": code})
