"""The pages and endpoints of conversations, over real HTTP: search, reader, export, erasure."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator

import httpx
import pytest
import pytest_asyncio

from assistant.messages import ChatRef
from tests.support.admin_house import AdminHouse, admin_house, seen
from tests.support.finding import enter
from tests.support.house import CHAT, FAST, house, working
from tests.support.orders import GROUP, answered, asked, press, quick

PAGE = "/admin/conversations"
API = "/v1/admin/conversations"
HOSTILE = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "[a](javascript:alert(1)) ![b](https://evil.example/b.png)",
    "‮right to left‬ مرحبا",
    "🦜" * 50,
    "x" * 5_000,
)


@pytest_asyncio.fixture
async def admin(database_url: str, redis_url: str) -> AsyncIterator[AdminHouse]:
    async with (
        house(database_url, redis_url, settings=FAST.model_copy()) as home,
        working(home.worker(quick())),
        admin_house(home) as made,
    ):
        yield made


@pytest_asyncio.fixture
async def admin_without_worker(database_url: str, redis_url: str) -> AsyncIterator[AdminHouse]:
    async with house(database_url, redis_url) as home, admin_house(home) as made:
        yield made


async def conversation(admin: AdminHouse, chat: ChatRef = CHAT) -> int:
    ((found,),) = await admin.house.rows(
        "SELECT id FROM conversations WHERE chat_id = %(chat)s", {"chat": chat.chat_id}
    )
    return int(found)


async def program(admin: AdminHouse, method: str, path: str, scope: str) -> httpx.Response:
    async with httpx.AsyncClient(base_url=admin.address) as client:
        head = {"authorization": f"Bearer {admin.keys[scope]}"}  # type: ignore[index]
        return await client.request(method, path, headers=head)


# Pages


async def test_before_anybody_asked_the_page_says_so(admin: AdminHouse) -> None:
    page = await admin.get("operator", PAGE)
    assert page.status_code == 200
    assert "Nobody has asked anything yet." in seen(page)


async def test_what_is_searched_is_found_and_leads_to_its_place(admin: AdminHouse) -> None:
    turn, _ = await asked(admin.house, "Where do herons sleep?", sender_name="Ana")
    await enter(admin.house)
    page = await admin.get("operator", f"{PAGE}?q=heron")
    assert "<mark>herons</mark>" in page.text
    where = f"{PAGE}/{await conversation(admin)}"
    assert f'href="{where}?at={turn}#turn-{turn}"' in page.text
    read = await admin.get("operator", f"{where}?at={turn}")
    assert f'id="turn-{turn}" class="exchange looked-for"' in read.text
    assert "Where do herons sleep?" in seen(read)
    assert ("conversation.read", f"conversation:{await conversation(admin)}") in (
        await admin.audited()
    )


async def test_a_misspelt_word_says_what_was_found_in_its_place(admin: AdminHouse) -> None:
    await asked(admin.house, "The capital of France?")
    await enter(admin.house)
    page = await admin.get("operator", f"{PAGE}?q=captial")
    assert "captial : capital" in seen(page)
    nothing = await admin.get("operator", f"{PAGE}?q=zebra")
    assert "Nothing was found." in seen(nothing)


@pytest.mark.parametrize(
    ("query", "sentence"),
    [
        ("q=-rome", "Write a word that must be there"),
        ("since=yesterday", "valid date"),
        ("account=abc", "must be a number"),
        ("thumb=sideways", "Choose one of those offered"),
        ("before=1-2-3-4", "characters that can't stand here"),
        ("conversation=99999999999999999999", "too small or too large"),
    ],
)
async def test_what_was_written_wrong_is_said_at_its_field(
    admin: AdminHouse, query: str, sentence: str
) -> None:
    page = await admin.get("operator", f"{PAGE}?{query}")
    assert page.status_code == 400
    assert sentence in seen(page)


async def test_filters_and_pages_keep_what_was_asked_for(admin: AdminHouse) -> None:
    await asked(admin.house, "About herons", sender_name="Ana & <b>")
    await admin.house.rows(
        "INSERT INTO turns (conversation_id, person_id, state, finished_at)"
        " SELECT conversation_id, person_id, 'done', now() FROM turns, generate_series(1, 40)"
    )
    await enter(admin.house)
    page = await admin.get("operator", f"{PAGE}?person=Ana+%26&failed=")
    assert "person=Ana+%26&amp;before=" in page.text
    following = page.text.partition('rel="next"')[0].rpartition('href="')[2].partition('"')[0]
    older = await admin.get("operator", following.replace("&amp;", "&"))
    assert older.text.count('class="card hit"') == 41 - 25
    assert 'rel="next"' not in older.text


async def test_what_people_wrote_is_shown_and_never_markup(admin: AdminHouse) -> None:
    for number, text in enumerate(HOSTILE):
        await asked(admin.house, f"herons {text}", sender_name=text[:60], message_id=f"h{number}")
    await admin.house.rows("UPDATE turns SET reply = (SELECT string_agg(text, E'\\n\\n')"
        " FROM messages)")  # fmt: skip
    await admin.house.rows(
        "INSERT INTO attachments (message_id, position, kind, name, media_type, width, height,"
        " characters, text) SELECT id, 0, 'text', text, '', 0, 0, 0, text FROM messages"
    )
    await enter(admin.house)
    for path in (f"{PAGE}?q=herons", f"{PAGE}/{await conversation(admin)}"):
        page = await admin.get("operator", path)
        assert page.status_code == 200
        for bad in ("<script>alert", "<img src=x", 'href="javascript:', 'evil.example/b.png"><'):
            assert bad not in page.text, path
        assert "🦜" in page.text
        assert len(page.content) < 200_000


async def test_where_only_metadata_may_be_seen_no_text_is_shown(admin: AdminHouse) -> None:
    await asked(admin.house, "Where do herons sleep?")
    await enter(admin.house)
    admin.house.settings.content_access = "metadata"
    where = f"{PAGE}/{await conversation(admin)}"
    for path in (PAGE, f"{PAGE}?q=herons", where):
        page = await admin.get("operator", path)
        assert page.status_code == 200
        assert "Where do" not in page.text, path
    assert (await admin.get("operator", f"{where}/export")).status_code == 409
    answer = await program(admin, "GET", f"{API}?q=herons", "admin.operate")
    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "content_closed")


async def test_by_consent_the_text_comes_with_the_persons_word(admin: AdminHouse) -> None:
    await asked(admin.house, "Where do herons sleep?")
    await enter(admin.house)
    admin.house.settings.content_access = "consent"
    where = f"{PAGE}/{await conversation(admin)}"
    assert "Where do" not in (await admin.get("operator", where)).text
    await answered(admin.house, "privacy", "allow")
    assert "Where do" in (await admin.get("operator", where)).text


async def test_a_conversation_is_exported_as_a_file(admin: AdminHouse) -> None:
    await asked(admin.house, "Where do herons sleep?")
    number = await conversation(admin)
    for form, ending in (("json", "json"), ("markdown", "md")):
        file = await admin.get("operator", f"{PAGE}/{number}/export?form={form}")
        assert b"Where do herons sleep?" in file.content
        name = f'filename="conversation-{number}.{ending}"'
        assert file.headers["content-disposition"] == f"attachment; {name}"
    assert (await admin.get("operator", f"{PAGE}/{number}/export?form=exe")).status_code == 404
    assert (await admin.get("operator", f"{PAGE}/4711/export")).status_code == 404


async def test_a_file_is_a_picture_or_is_downloaded(admin: AdminHouse) -> None:
    await asked(admin.house, "What is it?")
    await admin.house.rows(
        "INSERT INTO attachments (message_id, position, kind, name, media_type, width, height,"
        " characters, bytes) SELECT id, n, 'image', 'x.svg', media, 1, 1, 0, '<svg onload=x>'"
        " FROM messages, (VALUES (0, 'image/png'), (1, 'image/svg+xml')) AS given (n, media)"
    )
    files = await admin.house.rows("SELECT id, media_type FROM attachments ORDER BY position")
    number = await conversation(admin)
    kinds = []
    for file_id, _ in files:
        answer = await admin.get("operator", f"{PAGE}/{number}/files/{file_id}")
        disposition = answer.headers["content-disposition"].partition(";")[0]
        kinds.append((answer.headers["content-type"], disposition))
        assert answer.headers["x-content-type-options"] == "nosniff"
    assert kinds == [("image/png", "inline"), ("application/octet-stream", "attachment")]
    elsewhere = await admin.get("operator", f"{PAGE}/{number + 1}/files/{files[0][0]}")
    assert elsewhere.status_code == 404


async def test_an_erasure_is_asked_about_done_and_proved(admin: AdminHouse) -> None:
    await asked(admin.house, "About the quetzal")
    await asked(admin.house, "About storks", GROUP)
    await enter(admin.house)
    number = await conversation(admin)
    question = await admin.get("admin", f"{PAGE}/{number}/erase")
    assert f"Erase conversation {number}?" in seen(question)
    done = await admin.post("admin", f"{PAGE}/{number}/erase")
    assert done.status_code == 303
    proof = await admin.get("admin", done.headers["location"])
    assert "All of it is gone." in seen(proof)
    assert "messages 1 0" in seen(proof)
    file = await admin.get("admin", f"{done.headers['location']}/file")
    assert json.loads(file.content)["before"]["messages"] == 1
    assert f"Conversation {number}" in seen(await admin.get("admin", "/admin/erasures"))
    assert (await admin.get("operator", f"{PAGE}/{number}")).status_code == 404
    assert "Nothing was found." in seen(await admin.get("operator", f"{PAGE}?q=quetzal"))
    assert (await admin.get("operator", f"{PAGE}/{await conversation(admin, GROUP)}")).is_success
    assert ("conversation.erased", f"conversation:{number}") in await admin.audited()


async def test_what_runs_is_ended_before_it_is_erased(database_url: str, redis_url: str) -> None:
    async with house(database_url, redis_url) as home:
        slow = home.worker(quick(tokens_per_second=5, answer_tokens=500))
        async with working(slow), admin_house(home) as admin:
            await home.say("Write and write")
            done = await admin.post("admin", f"{PAGE}/{await conversation(admin)}/erase")
            assert done.status_code == 303
            assert await home.rows("SELECT FROM turns") == []


async def test_a_person_is_erased_on_all_channels_with_proof(admin: AdminHouse) -> None:
    await asked(admin.house, "About the quetzal")
    await asked(admin.house, "About storks", GROUP)
    await asked(admin.house, "About owls", GROUP, sender_id="other", sender_name="Otto")
    await enter(admin.house)
    ((person,),) = await admin.house.rows(
        "SELECT DISTINCT person_id FROM identities JOIN messages ON identity_id = identities.id"
        " WHERE text LIKE '%quetzal%'"
    )
    path = f"/admin/people/{person}"
    assert f"{path}/erase" in (await admin.get("admin", path)).text
    assert f"{path}/erase" not in (await admin.get("operator", path)).text
    question = seen(await admin.get("admin", f"{path}/erase"))
    assert f"Erase person {person}?" in question
    assert "Private conversations 1" in question
    assert "Groups in which they wrote 1" in question
    done = await admin.post("admin", f"{path}/erase")
    proof = seen(await admin.get("admin", done.headers["location"]))
    assert "All of it is gone." in proof
    assert f"Person {person}" in proof
    for gone in (path, f"{path}/erase"):
        assert (await admin.get("admin", gone)).status_code == 404
    assert (await admin.post("admin", f"{path}/erase")).status_code == 404
    assert await admin.house.rows("SELECT text FROM messages") == [("About owls",)]
    assert ("person.erased", f"person:{person}") in await admin.audited()


async def test_what_answers_a_person_alone_is_ended_before_they_are_erased(
    database_url: str, redis_url: str
) -> None:
    async with house(database_url, redis_url) as home:
        slow = home.worker(quick(tokens_per_second=5, answer_tokens=500))
        async with working(slow), admin_house(home) as admin:
            await home.say("Write and write")
            ((person,),) = await home.rows("SELECT person_id FROM turns")
            done = await program(admin, "DELETE", f"/v1/admin/people/{person}", "admin.manage")
            assert done.status_code == 200
            assert (done.json()["kind"], done.json()["target"]) == ("person", person)
            assert await home.rows("SELECT FROM turns") == []
            again = await program(admin, "DELETE", f"/v1/admin/people/{person}", "admin.manage")
            assert (again.status_code, again.json()["error"]["code"]) == (404, "no_person")


async def test_what_others_asked_in_the_same_turn_goes_on(admin_without_worker: AdminHouse) -> None:
    home = admin_without_worker.house
    mine = await home.say("About storks", GROUP, sender_id="7", sender_name="Ana")
    both = await home.say("and owls", GROUP, sender_id="8", sender_name="Otto")
    assert both.turn_id == mine.turn_id
    ((person,),) = await home.rows(
        "SELECT person_id FROM turns WHERE id = %(turn)s", {"turn": mine.turn_id}
    )
    done = await admin_without_worker.post("admin", f"/admin/people/{person}/erase")
    assert done.status_code == 303
    assert await home.rows("SELECT state FROM turns") == [("queued",)]
    assert len(await home.rows("SELECT FROM messages")) == 1


# Endpoints


async def test_programs_search_and_read_by_pages(admin: AdminHouse) -> None:
    turn, _ = await asked(admin.house, "Where do herons sleep?", sender_name="Ana")
    await admin.house.service.press(press("up", turn))
    await admin.house.rows(
        "INSERT INTO turns (conversation_id, person_id, state, finished_at, created_at)"
        " SELECT conversation_id, person_id, 'done', now(), now() - interval '1 day'"
        " FROM turns, generate_series(1, 60)"
    )
    await enter(admin.house)
    found = (await program(admin, "GET", f"{API}?q=herons", "admin.operate")).json()
    (hit,) = found["data"]
    assert (hit["turn_id"], hit["person"], hit["thumbs_up"]) == (turn, "Ana", 1)
    assert {"text": "herons", "marked": True} in hit["asked"]
    assert found["next"] is None
    seen_turns: list[int] = []
    following = ""
    while following is not None:
        answer = await program(admin, "GET", f"{API}?before={following}", "admin.operate")
        seen_turns += [one["turn_id"] for one in answer.json()["data"]]
        following = answer.json()["next"]
    assert len(seen_turns) == len(set(seen_turns)) == 61
    number = await conversation(admin)
    newest = (await program(admin, "GET", f"{API}/{number}", "admin.operate")).json()
    assert (newest["person"], newest["kind"], len(newest["data"])) == ("Ana", "private", 40)
    path = f"{API}/{number}?before={newest['before']}"
    older = (await program(admin, "GET", path, "admin.operate")).json()
    assert older["data"][0]["asked"][0]["text"] == "Where do herons sleep?"
    assert older["before"] is None


async def test_programs_export_and_erase_with_proof(admin: AdminHouse) -> None:
    await asked(admin.house, "About the quetzal")
    number = await conversation(admin)
    file = await program(admin, "GET", f"{API}/{number}/export?form=markdown", "admin.operate")
    assert b"About the quetzal" in file.content
    proof = (await program(admin, "DELETE", f"{API}/{number}", "admin.manage")).json()
    assert (proof["target"], proof["before"]["messages"], proof["after"]) == (number, 1, {})
    listed = (await program(admin, "GET", "/v1/admin/erasures", "admin.manage")).json()
    assert listed == {"data": [proof], "next": None}
    one = await program(admin, "GET", f"/v1/admin/erasures/{proof['id']}", "admin.manage")
    assert one.json() == proof
    gone = await program(admin, "GET", f"{API}/{number}", "admin.operate")
    assert (gone.status_code, gone.json()["error"]["code"]) == (404, "not_found")


async def test_a_search_that_cannot_be_is_refused_in_a_sentence(admin: AdminHouse) -> None:
    for query, code in (("q=-rome", "only_excluded"), ("since=soon", None)):
        answer = await program(admin, "GET", f"{API}?{query}", "admin.operate")
        assert (answer.status_code, answer.json()["error"]["code"]) == (400, code)
