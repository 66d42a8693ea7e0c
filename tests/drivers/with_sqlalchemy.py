"""SQLAlchemy 2 over psycopg, psycopg2 and asyncpg: the ORM with identity keys and version counters, reflection,
begin_nested, yield_per, isolation levels by execution option, two-phase sessions, a pool of its own."""
import asyncio
import enum
from decimal import Decimal

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, insert
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column, relationship, selectinload
from sqlalchemy.orm.exc import StaleDataError

from common import ORDERS, STATE, barrier, run, settings


ORDERS = ORDERS.replace("orders", "public.orders")  # reflection would find it directly if public were in the path


class Base(DeclarativeBase):
    pass


class Mood(enum.Enum):
    sad = 1
    ok = 2


class Author(Base):
    __tablename__ = "author"
    id: Mapped[int] = mapped_column(sa.Identity(), primary_key=True)
    name: Mapped[str] = mapped_column(unique=True)
    mood: Mapped[Mood] = mapped_column(default=Mood.ok)
    tags: Mapped[list[str]] = mapped_column(ARRAY(sa.Text), default=list)
    data: Mapped[dict] = mapped_column(JSONB, default=dict)
    version: Mapped[int] = mapped_column()
    books: Mapped[list["Book"]] = relationship(back_populates="author", cascade="all, delete-orphan", order_by="Book.id")
    __mapper_args__ = {"version_id_col": version}


class Book(Base):
    __tablename__ = "book"
    id: Mapped[int] = mapped_column(sa.BigInteger, sa.Sequence("book_ids"), primary_key=True)
    title: Mapped[str]
    price: Mapped[Decimal] = mapped_column(sa.Numeric(10, 2), index=True)
    author_id: Mapped[int] = mapped_column(sa.ForeignKey("author.id"))
    author: Mapped[Author] = relationship(back_populates="books")


def body(w):
    for number, dialect in enumerate(("psycopg", "psycopg2")):
        # A schema for each worker and dialect, named by the search path alone: all send the same statements.
        name = f"s{w.n}_{number}"
        engine = sa.create_engine(f"postgresql+{dialect}://", connect_args={"options": f"-c search_path={name}"}, pool_size=2,
                                  **({"query_cache_size": 50} if number else {}))
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as conn:
            conn.execute(sa.schema.CreateSchema(name))
        w.say("dialect", dialect)
        with_engine(w, engine)
        engine.dispose()
    asyncio.run(with_asyncpg(w))


def with_engine(w, engine):
    n = w.n
    Base.metadata.create_all(engine)
    with Session(engine) as session:
        authors = [Author(name=f"author {i} of {n}", tags=[f"t{i}", "x"], data={"i": i}) for i in range(30)]
        session.add_all(authors)
        session.flush()
        w.say("identity keys", [author.id for author in authors][:3], sa.inspect(authors[0]).identity)
        for author in authors:
            author.books = [Book(title=f"book {b}", price=Decimal(b) + Decimal(n) / 100) for b in range(3)]
        session.commit()
        w.say("refreshed", authors[3].name, authors[3].mood, authors[3].tags, authors[3].data, [book.price for book in authors[3].books])
        w.say("last", session.scalar(sa.text("SELECT max(id) FROM book")))
        session.commit()

    with Session(engine) as session:
        found = session.scalars(sa.select(Author).options(selectinload(Author.books)).where(Author.name.like("%1%")).order_by(Author.id)).all()
        w.say("select in", len(found), sum(book.price for author in found for book in author.books))
        for _ in range(6):  # psycopg prepares from the fifth time on
            w.say("get", session.get(Author, 4, populate_existing=True).name)
            session.rollback()
        author = session.get(Author, 5)
        author.name = "changed"
        with session.begin_nested():
            session.add(Author(name="nested"))
        with w.fails("nested"):
            with session.begin_nested():
                session.add(Author(name="nested"))
                session.flush()
        w.say("after nested", session.scalar(sa.select(sa.func.count()).select_from(Author)), session.get(Author, 5).name)
        w.say("orders", session.execute(sa.text(ORDERS)).all())
        session.commit()
        session.execute(sa.update(Author).where(Author.id == 6).values(version=99).execution_options(synchronize_session=False))
        author = session.get(Author, 7)
        session.execute(sa.text("UPDATE author SET version = 42 WHERE id = 7"))
        author.name = "stale"
        try:
            session.commit()
            w.say("stale", "no error")
        except StaleDataError:
            session.rollback()
            w.say("stale", session.get(Author, 7).name)
        session.delete(session.get(Author, 8))
        session.commit()
        with w.fails("foreign key"):
            session.execute(sa.delete(Author).where(Author.id == 9))
        with w.fails("aborted"):
            session.execute(sa.text("SELECT 1"))
        session.rollback()
        rows = session.execute(insert(Author).values([{"name": "changed", "version": 1, "mood": "ok", "tags": [], "data": {}}])
                               .on_conflict_do_update(index_elements=["name"], set_={"version": 77}).returning(Author.id, Author.version)).all()
        w.say("upsert", rows)
        session.rollback()

    # Streams: a cursor on the server, in parts.
    with Session(engine) as session:
        titles = [book.id for book in session.scalars(sa.select(Book).order_by(Book.id).execution_options(yield_per=10))]
        w.say("yield_per", len(titles), titles[-1])
        for part in session.scalars(sa.select(Book.id).order_by(Book.id).execution_options(stream_results=True)).partitions(40):
            w.say("partition", len(part), part[-1])
        session.rollback()
    with engine.connect() as conn:
        result = conn.execution_options(stream_results=True, max_row_buffer=5).execute(sa.text("SELECT generate_series(1, 100)"))
        w.say("stream left early", result.fetchmany(7)[-1])
        result.close()
        w.say("next on the same connection", conn.scalar(sa.text("SELECT 1")))

    # Isolation.
    level = sa.text("SELECT current_setting('transaction_isolation'), current_setting('transaction_read_only')")
    with engine.connect().execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True) as conn:
        w.say("repeatable read", conn.execute(level).all(), conn.execute(sa.text(ORDERS)).all())
        with w.fails("read only"):
            conn.execute(sa.text("DELETE FROM book"))
    with engine.connect() as conn:
        w.say("default again", conn.execute(level).all(), conn.get_isolation_level())
    serializable = engine.execution_options(isolation_level="SERIALIZABLE")
    with serializable.begin() as conn:
        w.say("serializable", conn.execute(level).all())
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as conn:
        conn.execute(sa.text("VACUUM book"))
        conn.execute(sa.text("CREATE INDEX CONCURRENTLY book_titles ON book (title)"))
        w.say("autocommit", conn.execute(level).all())

    # Reflection.
    metadata = sa.MetaData()
    metadata.reflect(engine)
    for table in metadata.sorted_tables:
        w.say("reflected", table.name, [(column.name, str(column.type), column.nullable) for column in table.columns],
              sorted(index.name for index in table.indexes), [key.target_fullname for key in table.foreign_keys])
    inspector = sa.inspect(engine)
    w.say("inspected", sorted(inspector.get_table_names()), inspector.get_unique_constraints("author"), sorted(inspector.get_sequence_names()),
          [(e["name"], e["labels"]) for e in inspector.get_enums()], inspector.get_indexes("book"))

    # Two-phase sessions; settings kept by the pooled connection, and what a return to the pool takes back.
    with Session(engine, twophase=True) as session:
        session.add(Author(name="two-phase"))
        session.commit()
        w.say("two-phase", session.scalar(sa.select(Author.version).where(Author.name == "two-phase")))
    with engine.begin() as conn:
        for sql in settings(n)[1:5]:
            conn.execute(sa.text(sql))
    barrier.wait()
    for _ in range(3):
        with engine.connect() as conn:
            w.say("settings", conn.execute(sa.text(STATE)).all())
            conn.execute(sa.text("SET app.user_id = 'undone'"))
    with engine.connect() as conn:
        conn.execute(sa.text("CREATE TEMP TABLE scratch ON COMMIT DROP AS SELECT count(*) FROM author"))
        w.say("temporary", conn.execute(sa.text("SELECT * FROM scratch")).all())
        conn.invalidate()  # closed within a transaction
    with engine.connect() as conn:
        w.say("after invalidate", conn.scalar(sa.select(sa.func.count()).select_from(Author)))
    barrier.wait()
    Base.metadata.drop_all(engine)
    w.say("dropped", sa.inspect(engine).get_table_names())


async def with_asyncpg(w):
    w.say("dialect", "asyncpg")
    name = f"s{w.n}_a"
    engine = create_async_engine("postgresql+asyncpg://", connect_args={"server_settings": {"search_path": name}}, pool_size=2)
    async with engine.connect() as conn:
        await conn.execution_options(isolation_level="AUTOCOMMIT")
        await conn.execute(sa.schema.CreateSchema(name))
    async with engine.begin() as conn:
        await conn.run_sync(Base.metadata.create_all)
    async with AsyncSession(engine, expire_on_commit=False) as session:
        session.add_all(Author(name=f"author {i}", tags=["x"], books=[Book(title="b", price=i)]) for i in range(25))
        await session.commit()
        session.expunge_all()
        result = await session.stream_scalars(sa.select(Author).order_by(Author.id).execution_options(yield_per=4).options(selectinload(Author.books)))
        w.say("stream", [(author.id, author.mood, author.books[0].price) async for author in result][-2:])
        w.say("orders", (await session.execute(sa.text(ORDERS))).all())
        with w.fails("nested"):
            async with session.begin_nested():
                session.add(Author(name="author 1"))
                await session.flush()
        await session.commit()
        for _ in range(3):
            w.say("typed", (await session.execute(sa.select(Author.mood, Author.tags).where(Author.mood == Mood.ok, Author.id == 3))).all())
            await session.commit()
    async with engine.begin() as conn:
        await conn.execute(sa.text("ALTER TABLE author ADD COLUMN more int"))
    async with AsyncSession(engine) as session:
        try:
            w.say("after DDL", (await session.execute(sa.text("SELECT * FROM author WHERE id = :id"), {"id": 1})).all())
        except DBAPIError as error:
            w.say("after DDL", error.orig.sqlstate)
    async with engine.connect() as conn:
        await conn.execution_options(isolation_level="REPEATABLE READ")
        w.say("repeatable read", await conn.scalar(sa.text("SHOW transaction_isolation")))
    w.say("reflected", sorted(await reflect(engine)))
    await engine.dispose()


async def reflect(engine):
    metadata = sa.MetaData()
    async with engine.connect() as conn:
        await conn.run_sync(metadata.reflect)
    return metadata.tables


run(body)
