"""Verbs for outside readers: topics, the relay, and the readers that come with the program."""

from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from msgspec import to_builtins

from api.cli_session import (
    Format,
    Formatted,
    Wrong,
    plain_errors,
    say,
    say_json,
    session,
    settings,
    stop,
    until_stopped,
)
from infra.kafka import BrokerAway, Cluster, TopicsDiffer, TopicsMissing
from infra.settings import Settings, host_and_port
from infra.topics import Topic, Topics
from infra.wiring import Service

if TYPE_CHECKING:
    from consumers.directory_site import Proof

verbs = typer.Typer()
kafka = typer.Typer(help="Topics on the broker, and what became of them.", no_args_is_help=True)
verbs.add_typer(kafka, name="kafka")


@contextmanager
def broker_errors() -> Generator[None]:
    """Turns what the broker answers into a sentence: 1 where its settings differ, 2 where it is away."""
    try:
        yield
    except TopicsDiffer as error:
        stop(f"nqms: {error}", 1)
    except (BrokerAway, TopicsMissing) as error:
        stop(f"nqms: {error}", 2)


def cluster_of(chosen: Settings) -> tuple[Cluster, Topics]:
    """The broker and the topics that the settings name. Wrong where no broker is named."""
    if chosen.kafka_bootstrap is None:
        raise Wrong("name the brokers in NQMS_KAFKA_BOOTSTRAP, as in 127.0.0.1:9092")
    return Cluster(chosen.kafka_bootstrap), Topics(chosen.kafka_prefix)


def wanted(service: Service, topics: Topics) -> list[Topic]:
    """Every topic that the ledger needs now."""
    codes = sorted(a.affiliate_id for a in service.ledger.shelf().affiliates())
    return [*topics.standing(), *topics.own(), *(topic for code in codes for topic in topics.for_affiliate(code))]


@verbs.command()
def relay() -> None:
    """Hands the ledger on to Kafka until it is stopped; several may run, one works."""
    from consumers.relay import run

    stopping = until_stopped()
    with session() as service, broker_errors():
        cluster, topics = cluster_of(service.settings)
        say(f"nqms hands the ledger on to {cluster.bootstrap} (stop with Ctrl-C)")
        run(service, cluster, topics, stopping)


@kafka.command()
def init(
    partitions: Annotated[int, typer.Option(min=1, max=1000, help="Of each new topic; not to be changed later.")] = 6,
    replication: Annotated[
        int | None, typer.Option(min=1, help="Copies of each; three where there are as many brokers.")
    ] = None,
) -> None:
    """Makes the topics that are missing, with the settings they have to have; refuses where others are there."""
    with session() as service, broker_errors():
        cluster, topics = cluster_of(service.settings)
        identity, brokers = cluster.identity()
        copies = replication or min(3, brokers)
        if copies > brokers:
            raise Wrong(f"{copies} copies need as many brokers; there are {brokers}")
        made = cluster.create(wanted(service, topics), partitions, copies)
    for name in made:
        say(f"made {name}")
    say(f"{len(made)} topics made on cluster {identity}" if made else "every topic is there, as it has to be")


@kafka.command()
def status(form: Formatted = Format.TEXT) -> None:
    """How far the ledger was handed on, and what the topics are."""
    from infra.relaying import relayed

    with session() as service, broker_errors():
        cluster, topics = cluster_of(service.settings)
        identity, _ = cluster.identity()
        names = [topic.name for topic in wanted(service, topics)]
        found = cluster.found(names)
        head = service.ledger.recorder.head()[0]
        position = relayed(service.database).get(f"{identity}/{topics.prefix}", 0)
    told: dict[str, Any] = {"cluster": identity, "head": head, "relayed": position, "lag": head - position}
    told["topics"] = {name: found[name].partitions if name in found else None for name in names}
    if form is Format.JSON:
        say_json(told)
        return
    say(f"cluster {identity}: {position} of {head} events handed on, {head - position} to come")
    for name, partitions in told["topics"].items():
        say(f"  {name}: {'missing' if partitions is None else f'{partitions} partitions'}")


@kafka.command("directory-site")
def directory_site() -> None:
    """Keeps a copy of the partner directory in a database of its own and serves it on NQMS_LISTEN."""
    from consumers.directory_site import run
    from infra.reader_store import open_store

    stopping = until_stopped()
    chosen, cluster, topics = reader_settings()
    with plain_errors(), broker_errors():
        store = open_store(chosen)
        try:
            say(f"the directory site listens on http://{chosen.listen} (stop with Ctrl-C)")
            run(store, cluster, topics, (chosen.listen_host, chosen.listen_port), stopping)
        finally:
            store.close()


@kafka.command("read-models")
def read_models(
    metrics: Annotated[str | None, typer.Option(help="Serve measurements on this host:port, at /metrics.")] = None,
    retry: Annotated[
        bool, typer.Option("--retry", help="Fold what waits again, after its cause was removed, and end.")
    ] = False,
) -> None:
    """Keeps the read models in a database of their own, made from Kafka; several processes share the work."""
    from consumers.read_models import ReadModelsFollower, run
    from infra.streamed import Hole, NotItsOwn, OtherFeed, open_models

    stopping = until_stopped()
    chosen, cluster, topics = reader_settings()
    with plain_errors(), broker_errors():
        listen = address_of(metrics) if metrics else None
        models = open_models(chosen)
        try:
            if retry:
                left = ReadModelsFollower(models, cluster, topics).retry()
                say(f"folded again; {left} events wait still")
                raise typer.Exit(1 if left else 0)
            say(f"nqms makes the read models from {topics.ledger.name} (stop with Ctrl-C)")
            run(models, cluster, topics, stopping, listen)
        except (Hole, NotItsOwn, OtherFeed) as error:
            stop(f"nqms: {error}", 1)
        finally:
            models.database.close()


@kafka.command("check-site")
def check_site(
    day: Annotated[
        datetime | None,
        typer.Option("--day", metavar="DAY", formats=["%Y-%m-%d"], help="Of which day; else the last one published."),
    ] = None,
    file: Annotated[
        Path | None,
        typer.Option("--file", metavar="FILE", help="The published file (/log/directory/DAY), to name what differs."),
    ] = None,
    form: Formatted = Format.TEXT,
) -> None:
    """Says whether the copy shows what the register published: yes, or no with every reason (exit code 1)."""
    from consumers.directory_site import Copy, FileDiffers, NothingPublished
    from infra.reader_store import open_store

    with plain_errors():
        content = file.read_bytes() if file else None
        store = open_store(settings())
        try:
            store.prepare("partners")
            proof = Copy(store).proved(day.date() if day else None, content)
        except (FileDiffers, NothingPublished) as error:
            stop(f"nqms: {error}", 1)
        finally:
            store.close()
    if form is Format.JSON:
        say_json({"same": proof.same, **asdict(proof), "published": to_builtins(proof.published)})
    else:
        _say_proof(proof)
    raise typer.Exit(0 if proof.same else 1)


def _say_proof(proof: "Proof") -> None:
    known = proof.published
    what = f"the directory of {known.day} as known at position {known.size}"
    if proof.same:
        say(
            f"yes: the copy, whole up to {proof.position}, shows the {known.entries} programs of {what}, root {known.root}"
        )
    for fault in proof.faults:
        say(f"no, not {what}: {fault}")


@kafka.command()
def archive() -> None:
    """Archives every event in NQMS_READER_DIR: compressed files by day, each with its digest in a chain."""
    from consumers.archive import ArchiveBroken, ArchiveInUse, run

    stopping = until_stopped()
    chosen, cluster, topics = reader_settings()
    with plain_errors(), broker_errors():
        try:
            say(f"nqms archives to {chosen.reader_dir} (stop with Ctrl-C)")
            say(f"{run(chosen.reader_dir, cluster, topics, stopping)} events added")
        except (ArchiveBroken, ArchiveInUse) as error:
            stop(f"nqms: {error}", 1)


@kafka.command("check-archive")
def check_archive(
    folder: Annotated[Path, typer.Argument(exists=True, file_okay=False, help="The archive's folder.")],
    form: Formatted = Format.TEXT,
) -> None:
    """Checks an archive by its own files alone; names every fault."""
    from consumers.archive import check

    checked = check(folder)
    if form is Format.JSON:
        say_json(asdict(checked))
    else:
        for fault in checked.faults:
            say(fault)
        say(
            f"{checked.events} events of {checked.days} days, {len(checked.faults)} faults; chain ends with {checked.last}"
        )
    raise typer.Exit(1 if checked.faults else 0)


@kafka.command("dead-letters")
def dead_letters(
    redrive: Annotated[
        bool, typer.Option("--redrive", help="Take in what waits, in order, after the cause was removed.")
    ] = False,
    form: Formatted = Format.TEXT,
) -> None:
    """What the directory site could not take in, with the reasons."""
    from consumers.directory_site import NAME, site_reader
    from infra.reader_store import open_store

    chosen, cluster, topics = reader_settings()
    with plain_errors(), broker_errors():
        store = open_store(chosen)
        try:
            store.prepare("partners")
            left = site_reader(store, cluster, topics).redrive() if redrive else None
            parked = store.parked(NAME)
        finally:
            store.close()
    if form is Format.JSON:
        say_json(parked)
    else:
        for key, reason in parked.items():
            say(f"{key}: {reason}")
        say(f"{len(parked)} keys wait" if left is None else f"driven again; {left} keys wait still")
    raise typer.Exit(1 if parked else 0)


def reader_settings() -> tuple[Settings, Cluster, Topics]:
    """What an outside reader needs; it opens no ledger."""
    with plain_errors():
        chosen = settings()
        return chosen, *cluster_of(chosen)


def address_of(given: str) -> tuple[str, int]:
    """A host and a port as given on the command line. Wrong where it is none."""
    try:
        return host_and_port(given)
    except ValueError as error:
        raise Wrong(str(error)) from None
