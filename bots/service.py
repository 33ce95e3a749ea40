"""The conversation service put together: what takes messages in, obeys, and shows answers."""

from __future__ import annotations

from assistant.accounts import Accounts
from assistant.answering.embeddings import EmbeddingRequests
from assistant.answering.memories import Memories
from assistant.answering.personas import Personas
from assistant.answering.revisions import Revisions
from assistant.conversations import ConversationService
from assistant.incoming.access import AccessPolicy
from assistant.incoming.admission import Admission
from assistant.incoming.arrivals import Arrivals
from assistant.incoming.control import Control
from assistant.incoming.intake import Intake
from assistant.incoming.late_files import LateFiles
from assistant.incoming.links import Links
from assistant.incoming.listening import Listening
from assistant.incoming.loop_guard import LoopGuard
from assistant.incoming.maintenance import Maintenance
from assistant.incoming.persons import Persons
from assistant.incoming.spending import Spending
from assistant.orders.buttons import Buttons
from assistant.orders.commands import Commands
from assistant.orders.erasure import Erasure
from assistant.orders.export import Export
from assistant.orders.feedback import Feedback
from assistant.orders.news import News
from assistant.orders.overview import Overviews
from assistant.orders.usage import Usage
from assistant.outgoing.broadcasting import Broadcasting
from assistant.outgoing.broadcasts import Posts
from assistant.outgoing.deliveries import Deliveries
from assistant.outgoing.delivery import Delivery
from assistant.outgoing.governor import Governor
from assistant.outgoing.migration import Migration
from assistant.outgoing.open_channels import OpenChannels
from assistant.settings import AssistantSettings
from bots.core import Core


def build_broadcasting(
    core: Core, channels: OpenChannels, governor: Governor, delivery: Delivery
) -> Broadcasting:
    posts = Posts(core.database, core.name)
    return Broadcasting(posts, channels, governor, delivery.migration)


def build_service(
    settings: AssistantSettings, core: Core, accounts: Accounts, delivery: Delivery
) -> ConversationService:
    database, revisions = core.database, Revisions(core.database)
    intake = Intake(database, settings)
    persons = Persons(database)
    control = Control(
        database=database,
        accounts=accounts,
        intake=intake,
        revisions=revisions,
        signals=core.signals,
        stopping=core.stopping,
        delivery=delivery,
    )
    listening = Listening(database)
    access, personas = AccessPolicy(database), Personas(database, settings)
    memories, spending = Memories(database), Spending(database)
    usage = Usage(database, spending)
    commands = Commands(
        access=access,
        control=control,
        persons=persons,
        personas=personas,
        memories=memories,
        usage=usage,
        export=Export(database),
        erasure=Erasure(database, core.redis),
        signals=core.signals,
        listening=listening,
        settings=settings,
        news=News(database),
        links=Links(database),
    )
    return ConversationService(
        database=database,
        accounts=accounts,
        admission=Admission(
            access,
            LoopGuard(database, settings),
            spending,
            core.signals,
            core.metrics,
        ),
        intake=intake,
        turns=core.turns,
        revisions=revisions,
        signals=core.signals,
        writer=core.writer,
        reader=core.reader,
        delivery=delivery,
        control=control,
        commands=commands,
        buttons=Buttons(control, persons, Feedback(database)),
        persons=persons,
        listening=listening,
        overviews=Overviews(persons, personas, memories, usage),
        late_files=LateFiles(database),
        embeddings=EmbeddingRequests(core.redis),
        settings=settings,
        metrics=core.metrics,
        places=core.places,
        maintenance=Maintenance(settings),
        lines=core.lines,
        arrivals=Arrivals(database, core.clock),
    )


def build_delivery(
    settings: AssistantSettings,
    core: Core,
    channels: OpenChannels,
    governor: Governor,
) -> Delivery:
    return Delivery(
        channels=channels,
        deliveries=Deliveries(core.database, core.name, settings.lease_seconds),
        turns=core.turns,
        stopping=core.stopping,
        reader=core.reader,
        governor=governor,
        heartbeat=core.heartbeat,
        metrics=core.metrics,
        places=core.places,
        migration=Migration(core.database, core.redis),
    )
