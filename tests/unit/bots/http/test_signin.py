import httpx
import pytest
from fastapi import FastAPI
from pydantic import SecretStr

from bots.http.safety import HttpSafety
from bots.http.secure import secure
from bots.http.signin import local_target
from bots.http.throttle import FREE_FAILURES


class Clock:
    now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


def client(clock=None, peer="10.0.0.9", **options):
    app = FastAPI()

    async def answer() -> str:
        return "here"

    for path in ("/", "/admin", "/metrics", "/healthz", "/readyz", "/v1/models", "/webhooks/x"):
        app.add_api_route(path, answer, methods=["GET", "POST"])

    @app.get("/broken")
    async def broken() -> None:
        raise RuntimeError("the database's password is hunter2")

    values = {
        "host": "0.0.0.0",
        "session_secret": b"s" * 32,
        "password": SecretStr("open sesame"),
        "max_body_bytes": 64,
    } | options
    door = secure(app, HttpSafety(**values), clock or Clock())
    transport = httpx.ASGITransport(door, raise_app_exceptions=False, client=(peer, 1))
    return httpx.AsyncClient(transport=transport, base_url="http://10.0.0.1:8080")


async def sign_in(http, password="open sesame", **fields):
    return await http.post("/login", data={"password": password, **fields})


@pytest.mark.parametrize("path", ["/", "/administrator", "/nowhere", "/openapi.json"])
async def test_a_page_leads_to_the_sign_in_and_an_endpoint_says_401(path):
    async with client() as http:
        page = await http.get(path + "?a=1", headers={"accept": "text/html"})
        assert page.status_code == 303
        assert page.headers["location"].startswith("/login?next=%2F")
        assert (await http.get(path)).status_code == 401
        assert (await http.post(path)).status_code == 401


async def test_the_password_opens_and_leads_back():
    async with client() as http:
        answer = await sign_in(http, next="/admin?a=1")
        assert (answer.status_code, answer.headers["location"]) == (303, "/admin?a=1")
        cookie = answer.headers["set-cookie"]
        assert "HttpOnly" in cookie
        assert "SameSite=lax" in cookie
        assert "Secure" not in cookie
        assert (await http.get("/")).json() == "here"
        await http.post("/logout")
        assert (await http.get("/")).status_code == 401


async def test_over_https_the_cookie_is_secure():
    async with client() as http:
        http.base_url = "https://10.0.0.1"
        assert "Secure" in (await sign_in(http)).headers["set-cookie"]


async def test_wrong_passwords_are_refused_and_slowed_even_for_the_right_one():
    clock = Clock()
    async with client(clock) as http:
        for _ in range(FREE_FAILURES):
            assert (await sign_in(http, "wrong")).status_code == 403
        blocked = await sign_in(http)
        assert blocked.status_code == 429
        assert "set-cookie" not in blocked.headers
        clock.now += 1.5
        assert (await sign_in(http)).status_code == 303


async def test_a_forged_cookie_does_not_open():
    async with client() as http:
        http.cookies.set("outrider_session", "9999999999." + "0" * 64)
        assert (await http.get("/")).status_code == 401


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/v1/models", "/webhooks/x"])
async def test_probes_webhooks_and_the_api_are_not_behind_the_password(path):
    async with client() as http:
        assert (await http.get(path)).status_code == 200


async def test_probes_and_webhooks_come_under_any_name_and_nothing_else_does():
    async with client() as http:
        stranger = {"host": "gateway:8080"}
        assert (await http.get("/healthz", headers=stranger)).status_code == 200
        assert (await http.post("/webhooks/x", headers=stranger)).status_code == 200
        for path in ("/", "/login", "/v1/models", "/metrics"):
            assert (await http.get(path, headers=stranger)).status_code == 421


async def test_metrics_are_for_this_machine_or_a_key():
    key = SecretStr("scrape")
    async with client(metrics_key=key) as http:
        assert (await http.get("/metrics")).status_code == 401
        wrong = await http.get("/metrics", headers={"authorization": "Bearer no"})
        assert wrong.status_code == 401
        right = await http.get("/metrics", headers={"authorization": "Bearer scrape"})
        assert right.status_code == 200
    async with client(peer="127.0.0.1") as http:
        assert (await http.get("/metrics")).status_code == 401  # through a proxy on this machine
        assert (await http.get("/metrics", headers={"host": "localhost"})).status_code == 200


async def test_on_loopback_no_password_is_needed_unless_set():
    local = {"host": "localhost:8080"}
    async with client(host="127.0.0.1", password=None) as http:
        assert (await http.get("/", headers=local)).status_code == 200
        assert (await http.get("/login", headers=local)).status_code == 404
    async with client(host="127.0.0.1") as http:
        assert (await http.get("/", headers=local)).status_code == 401


async def test_another_sites_page_can_not_post_but_a_bearer_of_the_key_can():
    evil = {"origin": "http://evil.example"}
    async with client() as http:
        await sign_in(http)
        assert (await http.post("/", headers=evil)).status_code == 403
        assert (await http.post("/v1/models", headers=evil)).status_code == 403
        keyed = await http.post("/v1/models", headers=evil | {"authorization": "Bearer k"})
        assert keyed.status_code == 200


async def test_a_body_over_the_limit_is_413():
    async with client() as http:
        assert (await http.post("/v1/models", content=b"x" * 65)).status_code == 413
        assert (await http.post("/v1/models", content=b"x" * 64)).status_code == 200


@pytest.mark.parametrize("path", ["/login", "/nowhere", "/", "/broken"])
async def test_every_answer_carries_the_security_headers(path):
    async with client() as http:
        if path == "/broken":
            await sign_in(http)
        headers = (await http.get(path)).headers
        assert "default-src 'none'" in headers["content-security-policy"]
        assert "unsafe" not in headers["content-security-policy"]
        assert "frame-ancestors 'none'" in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] in ("no-referrer", "same-origin")


async def test_an_unforeseen_failure_tells_nothing_of_the_inside():
    async with client() as http:
        await sign_in(http)
        answer = await http.get("/broken")
        assert answer.status_code == 500
        assert "hunter2" not in answer.text
        assert answer.json()["error"]["message"].endswith(".")


@pytest.mark.parametrize(
    ("asked", "target"),
    [
        ("/admin?a=1", "/admin?a=1"),
        ("//evil.example", "/"),
        ("/\\evil.example", "/"),
        ("https://evil.example", "/"),
        ("/a\r\nset-cookie: x", "/"),
        ("", "/"),
    ],
)
def test_after_signing_in_only_our_own_pages_follow(asked, target):
    assert local_target(asked) == target
