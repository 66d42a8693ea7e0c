"""SQLAlchemy 2 over psycopg, psycopg2 and asyncpg with models of analytic relations: select() in its forms, the ORM with
relationships and loading strategies, yield_per and stream_results, nested transactions, isolation by option, reading with text()."""
import asyncio
from datetime import date, datetime, timezone
from decimal import Decimal

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, array
from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, aliased, foreign, joinedload, mapped_column, relationship, selectinload

from shared import ERRORS, READS, fails, fails_async, run, sqlstate


class Base(DeclarativeBase):
    pass


class Device(Base):
    __tablename__ = "devices"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(sa.String(40))
    site: Mapped[str | None]
    price: Mapped[Decimal] = mapped_column(sa.Numeric(10, 2))
    events: Mapped[list["Event"]] = relationship(primaryjoin=lambda: Device.id == foreign(Event.device), order_by="Event.id", viewonly=True)


class Event(Base):
    __tablename__ = "events"
    id: Mapped[int] = mapped_column(sa.BigInteger, primary_key=True)
    kind: Mapped[str] = mapped_column(sa.String(40))
    device: Mapped[int | None]
    small: Mapped[int] = mapped_column(sa.SmallInteger)
    reading: Mapped[float | None] = mapped_column(sa.Double)
    price: Mapped[Decimal | None] = mapped_column(sa.Numeric(12, 2))
    ok: Mapped[bool | None]
    day: Mapped[date]
    at: Mapped[datetime]
    seen: Mapped[datetime] = mapped_column(sa.DateTime(timezone=True))
    doc: Mapped[dict | None] = mapped_column(JSONB)
    ref: Mapped[str]
    marks: Mapped[list[int] | None] = mapped_column(ARRAY(sa.Integer))
    words: Mapped[list[str]] = mapped_column(ARRAY(sa.Text))
    on: Mapped[Device | None] = relationship(primaryjoin=lambda: Device.id == foreign(Event.device), viewonly=True)


daily = sa.table("daily", sa.column("day", sa.Date), sa.column("kind", sa.String), sa.column("events", sa.BigInteger), sa.column("total", sa.Numeric))

# Minutes, on any of the servers.
SLOW = sa.text("SELECT count(*) FROM events a, events b, events c, events d WHERE a.reading + b.reading + c.reading + d.reading < 0")


def queries():
    later = aliased(Event)
    per_day = sa.select(Event.day, sa.func.count().label("n")).group_by(Event.day).subquery()
    totals = sa.select(Event.device, sa.func.sum(Event.price).label("total")).where(Event.device.is_not(None)).group_by(Event.device).cte("totals")
    return [
        ("in", sa.select(Event.id, Event.kind).where(Event.id.in_([5, 3, 499])).order_by(Event.id)),
        ("in nothing", sa.select(Event.id).where(Event.id.in_([]))),
        ("not in", sa.select(Device.name).where(Device.id.not_in([1, 2, 3])).order_by(Device.id)),
        ("any", sa.select(Event.id).where(Event.id == sa.any_(sa.literal([2, 4], ARRAY(sa.BigInteger)))).order_by(Event.id)),
        ("between", sa.select(Event.id, Event.seen).where(Event.seen.between(datetime(2026, 1, 2, tzinfo=timezone.utc), datetime(2026, 1, 2, 6, tzinfo=timezone.utc))).order_by(Event.seen)),
        ("dates", sa.select(Event.id, Event.day).where(Event.day == date(2026, 1, 3)).order_by(Event.id)),
        ("like", sa.select(sa.func.count()).where(Event.kind.ilike("%IND 2"), Event.ref.startswith("0000"), Event.ref.contains("00_0", autoescape=True))),
        ("numeric", sa.select(Event.price, Event.price * 2, Event.price + Decimal("0.50")).where(Event.price > Decimal("740.5")).order_by(Event.id)),
        ("limit", sa.select(Event.id).order_by(Event.id.desc()).limit(3).offset(5)),
        ("fetch", sa.select(Event.id).order_by(Event.id).fetch(3)),
        ("json", sa.select(Event.id, Event.doc["n"].as_integer(), Event.doc["tags"], Event.doc["deep"]["ok"].as_boolean()).where(Event.id < 4).order_by(Event.id)),
        ("arrays", sa.select(Event.marks, Event.words, Event.marks[1]).where(Event.id < 3).order_by(Event.id)),
        ("array of columns", sa.select(array([Event.id, sa.literal(7)])).where(Event.id < 3).order_by(Event.id)),
        ("case", sa.select(Event.id, sa.case((Event.price > 600, "dear"), (Event.price.is_(None), None), else_="cheap")).where(Event.id.in_([5, 6, 450])).order_by(Event.id)),
        ("cast", sa.select(sa.cast(Event.id, sa.String), sa.cast(Event.reading, sa.Numeric), sa.cast(Event.at, sa.Date)).where(Event.id == 9)),
        ("cast to a scale", sa.select(sa.cast(Event.reading, sa.Numeric(10, 1))).where(Event.id == 9)),
        ("group by", sa.select(Event.kind, sa.func.count(), sa.func.sum(Event.price), sa.func.max(Event.at)).group_by(Event.kind).having(sa.func.count() > 10).order_by(Event.kind)),
        ("filter", sa.select(sa.func.count().filter(Event.ok.is_(True)), sa.func.count(Event.device.distinct()), sa.func.bool_or(Event.ok))),
        ("date_trunc", sa.select(sa.func.date_trunc("month", Event.at).label("month"), sa.func.count()).group_by("month").order_by("month")),
        ("extract", sa.select(sa.extract("year", Event.day), sa.extract("month", Event.at), sa.extract("dow", Event.day)).where(Event.id == 9)),
        ("window", sa.select(Event.id, sa.func.row_number().over(partition_by=Event.kind, order_by=Event.id), sa.func.sum(Event.id).over(order_by=Event.id, rows=(-1, 0))).where(Event.id < 9).order_by(Event.id)),
        ("join", sa.select(Device.name, sa.func.count(Event.id)).join(Event, Event.device == Device.id, isouter=True).group_by(Device.name).order_by(Device.name)),
        ("self join", sa.select(Event.id, later.id).join(later, later.id == Event.id + 1).where(Event.id < 4).order_by(Event.id)),
        ("subquery", sa.select(sa.func.max(per_day.c.n), sa.func.min(per_day.c.n))),
        ("cte", sa.select(Device.name, totals.c.total).join(totals, totals.c.device == Device.id).order_by(Device.name)),
        ("exists", sa.select(Device.name).where(sa.exists().where(Event.device == Device.id, Event.id > 497)).order_by(Device.name)),
        ("scalar subquery", sa.select(Device.name, sa.select(sa.func.max(Event.id)).where(Event.device == Device.id).scalar_subquery()).order_by(Device.id)),
        ("union", sa.union_all(sa.select(Device.name).where(Device.id < 2), sa.select(Event.kind).where(Event.id < 3)).order_by("name")),
        ("distinct on", sa.select(Event.kind, Event.id).distinct(Event.kind).order_by(Event.kind, Event.id)),
        ("values", sa.select(sa.literal("x"), sa.literal(1), sa.null(), sa.true(), sa.func.coalesce(Event.device, 0)).where(Event.id == 1)),
        ("materialized view", sa.select(daily).where(daily.c.day > date(2026, 2, 18)).order_by(daily.c.day, daily.c.kind)),
        ("lateral", sa.select(Device.name, (last := sa.select(Event.id).where(Event.device == Device.id).order_by(Event.id.desc()).limit(2).lateral("last")).c.id).join(last, sa.true()).where(Device.id < 3).order_by(Device.id, last.c.id)),
    ]


def body(w):
    for dialect in ("psycopg", "psycopg2"):
        engine = sa.create_engine(f"postgresql+{dialect}://", pool_size=1, max_overflow=1, connect_args={"application_name": f"worker {w.n}"})
        w.say("dialect", dialect)
        with_engine(w, engine)
        engine.dispose()
    asyncio.run(with_asyncpg(w))


def with_engine(w, engine):
    with engine.connect() as conn:
        for name, sql in READS:
            w.say(name, [tuple(bytes(value) if isinstance(value, memoryview) else value for value in row) for row in conn.exec_driver_sql(sql.replace("%", "%%"))])
        for name, query in queries():
            try:
                w.say(f"query {name}", [tuple(row) for row in conn.execute(query)])
            except sa.exc.DBAPIError as error:
                w.say(f"query {name}", sqlstate(error))
                conn.rollback()
        w.say("text", conn.execute(sa.text("SELECT id, kind FROM events WHERE id = :id AND kind = :kind"), {"id": 3, "kind": "kind 3"}).all())
        w.say("expanding", conn.execute(sa.text("SELECT id FROM events WHERE id IN :ids ORDER BY id").bindparams(sa.bindparam("ids", expanding=True)), {"ids": [1, 2, 9]}).scalars().all())
    for name, sql in ERRORS:
        with engine.connect() as conn:
            fails(w, name, lambda: conn.execute(sa.text(sql.replace(":", "\\:"))))
            fails(w, f"{name}, and then", lambda: conn.execute(sa.text("SELECT count(*) FROM events")))
            conn.rollback()
            w.say(f"{name}, again", conn.scalar(sa.text("SELECT count(*) FROM events")))

    with Session(engine) as session:
        devices = session.scalars(sa.select(Device).options(selectinload(Device.events)).where(Device.id < 3).order_by(Device.id)).all()
        w.say("selectinload", [(device.name, device.site, device.price, len(device.events), device.events[0].id if device.events else None) for device in devices])
        events = session.scalars(sa.select(Event).options(joinedload(Event.on)).where(Event.id.between(3, 6)).order_by(Event.id)).all()
        w.say("joinedload", [(event.id, event.doc, event.marks, event.seen, event.on.name if event.on else None) for event in events])
        w.say("get", session.get(Event, 77).words, session.get(Event, 7777), session.get(Device, 4).events[0].kind)
        session.refresh(events[0])
        w.say("one", session.execute(sa.select(Device).where(Device.id == 5)).scalar_one().name, session.query(Event).filter_by(kind="kind 1").count())
        w.say("count over a subquery", session.query(Event).filter(Event.id > 400).limit(20).count(), session.query(Event.kind).distinct().order_by(Event.kind).all())
        w.say("yield_per", sum(event.id for event in session.scalars(sa.select(Event).order_by(Event.id).execution_options(yield_per=60))))
        for part in session.execute(sa.select(Event.id).order_by(Event.id).execution_options(stream_results=True, max_row_buffer=50)).partitions(200):
            w.say("partition", len(part), part[-1])

    with engine.connect() as conn:
        def inner():
            with conn.begin_nested():
                conn.execute(sa.text("SELECT 1 / (id - id) FROM events"))

        conn.execute(sa.text("SELECT count(*) FROM events"))
        fails(w, "begin_nested", inner)
        w.say("healed", conn.scalar(sa.text("SELECT count(*) FROM events")))
        conn.commit()
    for level in ("AUTOCOMMIT", "READ COMMITTED", "REPEATABLE READ", "SERIALIZABLE"):
        with engine.connect().execution_options(isolation_level=level, postgresql_readonly=level == "REPEATABLE READ") as conn:
            w.say(level, conn.scalar(sa.select(sa.func.count()).select_from(Event)), conn.scalar(sa.select(sa.func.sum(daily.c.total))), conn.get_isolation_level())
    with engine.connect() as conn:
        conn.execute(sa.text("SET LOCAL statement_timeout = '200ms'"))
        fails(w, "timeout", lambda: conn.execute(SLOW))


async def with_asyncpg(w):
    engine = create_async_engine("postgresql+asyncpg://", pool_size=1, max_overflow=1)
    w.say("dialect", "asyncpg")
    async with engine.connect() as conn:
        for name, query in queries():
            try:
                w.say(f"query {name}", [tuple(row) for row in await conn.execute(query)])
            except sa.exc.DBAPIError as error:
                w.say(f"query {name}", sqlstate(error))
                await conn.rollback()
        found = await conn.stream(sa.select(Event.id, Event.price).order_by(Event.id))
        w.say("stream", sum([row.id async for row in found]))
    async with AsyncSession(engine) as session:
        devices = (await session.scalars(sa.select(Device).options(selectinload(Device.events)).where(Device.id < 3).order_by(Device.id))).all()
        w.say("selectinload", [(device.name, device.price, len(device.events)) for device in devices])
        await fails_async(w, "an error", session.execute(sa.text("SELECT nothing FROM events")))
        await session.rollback()
        w.say("afterwards", await session.scalar(sa.select(sa.func.count()).select_from(Event)))
    await engine.dispose()


run(body)
