// JDBC (pgjdbc): prepareThreshold 1 and 5, fetchSize, batches, generated keys, savepoints, autosave, isolation and
// read-only, COPY, NOTIFY, cancel, simple query mode, array and composite types, session state.
import java.io.StringReader;
import java.io.StringWriter;
import java.sql.*;
import java.util.*;
import java.util.concurrent.*;
import java.util.concurrent.locks.ReentrantLock;
import org.postgresql.PGConnection;
import org.postgresql.PGNotification;
import org.postgresql.copy.CopyManager;

public class T {
  static final int WORKERS = Integer.parseInt(System.getenv().getOrDefault("WORKERS", "8"));
  static final CyclicBarrier barrier = new CyclicBarrier(WORKERS);
  static final ReentrantLock alone = new ReentrantLock(); // whoever needs two connections at once
  static final String[] ZONES = {"Asia/Tokyo", "America/New_York", "Europe/Paris", "Australia/Sydney", "UTC", "Asia/Kolkata", "America/Lima", "Africa/Cairo"};
  static final String ORDERS = "SELECT count(*), sum(qty) FROM orders";
  static final String STATE = "SELECT current_setting('search_path'), current_setting('TimeZone'), current_setting('application_name'), "
      + "nullif(current_setting('app.user_id', true), ''), current_user::text, current_setting('statement_timeout'), '2024-06-01 12:00+00'::timestamptz::text";

  interface Part { void run() throws Exception; }

  final int n;
  final List<String> lines = Collections.synchronizedList(new ArrayList<>());
  volatile boolean done, broken;

  T(int n) { this.n = n; }

  void say(String step, Object... values) {
    StringJoiner text = new StringJoiner(" | ", step + ": ", "");
    for (Object value : values) text.add(String.valueOf(value));
    lines.add(text.toString());
  }

  void fails(String step, Part part) throws Exception {
    try {
      part.run();
      say(step, "no error");
    } catch (SQLException error) {
      say(step, error.getSQLState(), error.getMessage().lines().findFirst().orElse(""));
    }
  }

  static Connection connect(String more) throws SQLException {
    return DriverManager.getConnection("jdbc:postgresql://127.0.0.1:" + System.getenv("PGPORT") + "/" + System.getenv("PGDATABASE") + "?sslmode=disable&" + more, "postgres", "");
  }

  static List<List<Object>> all(ResultSet rows) throws SQLException {
    List<List<Object>> found = new ArrayList<>();
    while (rows.next()) {
      List<Object> row = new ArrayList<>();
      for (int i = 1; i <= rows.getMetaData().getColumnCount(); i++) row.add(rows.getObject(i));
      found.add(row);
    }
    return found;
  }

  static List<List<Object>> rows(Connection c, String sql) throws SQLException {
    try (Statement s = c.createStatement()) { return s.execute(sql) ? all(s.getResultSet()) : List.of(); }
  }

  void state(Connection c) throws Exception {
    try (PreparedStatement who = c.prepareStatement("SELECT * FROM who"); PreparedStatement bound = c.prepareStatement("SELECT *, ?::int FROM who");
         PreparedStatement order = c.prepareStatement("SELECT qty FROM orders WHERE orderid = ?")) {
      for (int i = 0; i < 8; i++) {
        bound.setInt(1, i);
        order.setInt(1, i);
        say("who", all(who.executeQuery()), all(bound.executeQuery()), all(order.executeQuery()));
      }
    }
    say("settings", rows(c, STATE), rows(c, ORDERS), c.unwrap(PGConnection.class).getParameterStatus("TimeZone"), c.getSchema());
  }

  void body() throws Exception {
    Connection c = connect("prepareThreshold=1&options=-c%20search_path=w" + n + ",public%20-c%20app.user_id=start" + n + "&ApplicationName=start%20" + n);
    for (String sql : new String[] {"CREATE SCHEMA w" + n, "GRANT USAGE ON SCHEMA w" + n + " TO PUBLIC",
        "CREATE TABLE who AS SELECT " + (n % 2 == 1 ? n + " AS n" : "'w" + n + "' AS name, " + n + ".5 AS n"), "GRANT ALL ON who TO PUBLIC",
        "CREATE TABLE t" + n + " (id serial PRIMARY KEY, v text UNIQUE, d numeric, ts timestamptz)"}) rows(c, sql);
    say("startup options", rows(c, STATE));

    // Settings.
    c.setSchema("w" + n);
    for (String sql : new String[] {"SET TIME ZONE '" + ZONES[n % 8] + "'", "SELECT set_config('app.user_id', '" + n + "', false)", "SET statement_timeout = '" + (40 + n) + "s'",
        "SET search_path TO w" + n + ", public", "SET ROLE w" + n}) rows(c, sql);
    c.setClientInfo("ApplicationName", "worker " + n);
    barrier.await(30, TimeUnit.SECONDS);
    state(c);
    barrier.await(30, TimeUnit.SECONDS);
    rows(c, "RESET ROLE");
    rows(c, "RESET ALL");
    say("reset", rows(c, STATE));

    // Generated keys and batches, in one transaction.
    c.setAutoCommit(false);
    try (PreparedStatement s = c.prepareStatement("INSERT INTO t" + n + " (v, d, ts) VALUES (?, ?, ?)", Statement.RETURN_GENERATED_KEYS)) {
      for (int i = 0; i < 60; i++) {
        s.setString(1, "v" + i);
        s.setBigDecimal(2, new java.math.BigDecimal(i + ".25"));
        s.setTimestamp(3, new Timestamp(86400000L * i));
        s.addBatch();
      }
      say("batch", Arrays.stream(s.executeBatch()).sum(), all(s.getGeneratedKeys()).size());
      s.setString(1, "single");
      s.executeUpdate();
      say("generated keys", all(s.getGeneratedKeys()).get(0).subList(0, 3), rows(c, "SELECT lastval(), currval('t" + n + "_id_seq')"));
    }
    say("orders in transaction", rows(c, ORDERS));
    c.commit();
    fails("batch with an error", () -> {
      try (Statement s = c.createStatement()) {
        for (String v : new String[] {"new", "v1", "newer"}) s.addBatch("INSERT INTO t" + n + " (v) VALUES ('" + v + "')");
        s.executeBatch();
      } catch (BatchUpdateException error) {
        say("counts", Arrays.toString(error.getUpdateCounts()));
        throw error;
      }
    });
    fails("aborted", () -> rows(c, "SELECT 1"));
    c.rollback();

    // fetchSize: a portal suspended and resumed, other statements in between.
    try (PreparedStatement s = c.prepareStatement("SELECT id FROM t" + n + " WHERE id > ? ORDER BY id")) {
      for (int round = 0; round < 3; round++) {
        s.setFetchSize(7);
        s.setInt(1, round);
        try (ResultSet found = s.executeQuery()) {
          int last = 0, count = 0;
          while (found.next()) {
            last = found.getInt(1);
            if (++count == 10) say("in between", rows(c, "SELECT * FROM who"), rows(c, ORDERS));
          }
          say("fetched", count, last);
        }
      }
    }
    c.commit();
    try (Statement s = c.createStatement()) {
      s.setFetchSize(5);
      ResultSet found = s.executeQuery("SELECT orderid FROM orders ORDER BY orderid LIMIT 23");
      say("fetched orders", all(found).size());
      found = s.executeQuery("SELECT i FROM generate_series(1, 100) i");
      for (int i = 0; i < 12; i++) found.next();
      c.commit(); // the portal is gone
      ResultSet gone = found;
      fails("after commit", () -> { while (gone.next()) { } });
    }
    c.rollback();
    try (Statement s = c.createStatement(ResultSet.TYPE_SCROLL_INSENSITIVE, ResultSet.CONCUR_UPDATABLE, ResultSet.HOLD_CURSORS_OVER_COMMIT)) {
      ResultSet found = s.executeQuery("SELECT id, v FROM t" + n + " WHERE id = 5");
      found.next();
      found.updateString(2, "updated");
      found.updateRow();
      c.commit();
      found.refreshRow();
      say("updatable", found.getString(2));
    }

    // Savepoints, isolation, read-only.
    Savepoint point = c.setSavepoint("a_name");
    fails("unique", () -> rows(c, "INSERT INTO t" + n + " (v) VALUES ('v1')"));
    c.rollback(point);
    rows(c, "INSERT INTO t" + n + " (v) VALUES ('saved')");
    c.setSavepoint();
    rows(c, "SET LOCAL app.user_id = 'local'");
    say("local", rows(c, STATE));
    c.commit();
    say("after", rows(c, STATE));
    c.rollback();
    for (int level : new int[] {Connection.TRANSACTION_REPEATABLE_READ, Connection.TRANSACTION_SERIALIZABLE, Connection.TRANSACTION_READ_COMMITTED}) {
      c.setTransactionIsolation(level);
      say("isolation", rows(c, "SHOW transaction_isolation"), c.getTransactionIsolation() == level, rows(c, ORDERS));
      c.commit();
    }
    c.setReadOnly(true);
    fails("read only", () -> rows(c, "DELETE FROM t" + n));
    c.rollback();
    c.setReadOnly(false);
    c.setAutoCommit(true);

    // The session's default, which stays while others use the connections.
    c.setTransactionIsolation(Connection.TRANSACTION_REPEATABLE_READ);
    c.setReadOnly(true);
    barrier.await(30, TimeUnit.SECONDS);
    say("session", rows(c, "SELECT current_setting('transaction_isolation'), current_setting('transaction_read_only'), current_setting('default_transaction_isolation')"));
    c.setReadOnly(false);
    c.setTransactionIsolation(Connection.TRANSACTION_READ_COMMITTED);

    // autosave=always: a savepoint around every statement, so that an error, or a plan that DDL made stale, is healed.
    try (Connection saving = connect("prepareThreshold=1&autosave=always&options=-c%20search_path=w" + n + ",public")) {
      saving.setAutoCommit(false);
      try (PreparedStatement s = saving.prepareStatement("SELECT * FROM t" + n + " WHERE id = 1")) {
        for (int i = 0; i < 3; i++) say("star", all(s.executeQuery()).get(0).size());
        saving.commit();
        rows(c, "ALTER TABLE t" + n + " ADD COLUMN more int");
        say("star over DDL", all(s.executeQuery()).get(0).size());
        fails("division", () -> rows(saving, "SELECT 1/0"));
        rows(saving, "INSERT INTO t" + n + " (v) VALUES ('healed')");
        say("orders", rows(saving, ORDERS));
        saving.commit();
      }
      say("healed", rows(saving, "SELECT count(*) FROM t" + n + " WHERE v = 'healed'"));
      saving.commit();
    }
    try (PreparedStatement s = c.prepareStatement("SELECT * FROM t" + n + " WHERE id = 2")) {
      all(s.executeQuery());
      all(s.executeQuery());
      rows(c, "ALTER TABLE t" + n + " DROP COLUMN more");
      fails("stale plan", () -> say("star", all(s.executeQuery()).get(0).size()));
      rows(c, "DISCARD ALL");
      fails("after DISCARD ALL", () -> say("star", all(s.executeQuery()).get(0).size()));
      fails("and again", () -> say("star", all(s.executeQuery()).get(0).size()));
    }
    rows(c, "SET search_path TO w" + n + ", public");

    // Types.
    rows(c, "CREATE TYPE mood AS ENUM ('sad', 'w" + n + "')");
    rows(c, "CREATE TYPE pair AS (a int, m mood)");
    try (PreparedStatement s = c.prepareStatement("SELECT ?::mood, ?::int[], row(1, 'sad')::pair, ARRAY['sad']::mood[], ?::timestamptz, ?::float8, ?::bytea")) {
      for (int i = 0; i < 3; i++) {
        s.setObject(1, "w" + n, Types.OTHER);
        s.setArray(2, c.createArrayOf("int4", new Integer[] {1, null, n}));
        s.setTimestamp(3, new Timestamp(0));
        s.setDouble(4, 1.5);
        s.setBytes(5, new byte[] {0, 1});
        ResultSet found = s.executeQuery();
        found.next();
        say("types", found.getString(1), found.getArray(2), found.getObject(3), found.getArray(4), found.getTimestamp(5).getTime(), found.getDouble(6), found.getBytes(7).length,
            found.getMetaData().getColumnTypeName(1));
      }
    }
    List<String> columns = new ArrayList<>();
    try (ResultSet found = c.getMetaData().getColumns(null, "w" + n, "t%", null)) { while (found.next()) columns.add(found.getString(4) + " " + found.getString(6)); }
    try (ResultSet found = c.getMetaData().getPrimaryKeys(null, "w" + n, "t" + n)) { while (found.next()) columns.add("key " + found.getString(4)); }
    say("metadata", columns);

    // COPY, temporary tables, advisory locks, SQL PREPARE, notices.
    CopyManager copy = c.unwrap(PGConnection.class).getCopyAPI();
    StringBuilder text = new StringBuilder();
    for (int i = 0; i < 300; i++) text.append("copied ").append(i).append("\n");
    say("copy in", copy.copyIn("COPY t" + n + " (v) FROM STDIN", new StringReader(text.toString())));
    fails("copy in", () -> copy.copyIn("COPY t" + n + " (v) FROM STDIN", new StringReader("copied 1\n")));
    StringWriter out = new StringWriter();
    say("copy out", copy.copyOut("COPY (SELECT v FROM t" + n + " WHERE v LIKE 'copied 29%') TO STDOUT", out), out.toString().length());
    rows(c, "CREATE TEMP TABLE scratch AS SELECT " + (n % 2 == 1 ? n + " AS v" : "'w" + n + "' AS v, 1 AS u"));
    try (PreparedStatement s = c.prepareStatement("SELECT * FROM scratch")) { say("temporary", all(s.executeQuery()), all(s.executeQuery())); }
    rows(c, "DROP TABLE scratch");
    String locks = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()";
    say("advisory", rows(c, "SELECT pg_advisory_lock(" + n + ")").size(), rows(c, locks), rows(c, "SELECT pg_advisory_unlock(" + n + ")"), rows(c, locks));
    rows(c, "PREPARE p AS SELECT " + n);
    say("prepared", rows(c, "EXECUTE p"));
    rows(c, "DEALLOCATE p");
    try (Statement s = c.createStatement()) {
      s.execute("DO $$BEGIN RAISE WARNING 'warned'; END$$");
      say("warning", s.getWarnings().getMessage());
      s.execute("SELECT 1; INSERT INTO t" + n + " (v) VALUES ('several'); SELECT * FROM who");
      say("several", all(s.getResultSet()), s.getMoreResults(), s.getUpdateCount(), s.getMoreResults(), all(s.getResultSet()));
    }

    // NOTIFY.
    rows(c, "LISTEN ch" + n);
    rows(c, "NOTIFY ch" + n + ", 'self'");
    heard(c);
    rows(c, "UNLISTEN *");
    alone.lock();
    try (Connection other = connect("")) {
      rows(c, "LISTEN ch" + n);
      rows(other, "NOTIFY ch" + n + ", 'while idle'");
      heard(c);
      rows(c, "UNLISTEN *");
    } finally {
      alone.unlock();
    }

    // Cancel and timeouts.
    c.setAutoCommit(false);
    try (Statement s = c.createStatement()) {
      s.execute("SELECT 1");
      Timer timer = new Timer(true);
      timer.schedule(new TimerTask() { public void run() { try { s.cancel(); } catch (SQLException ignored) { } } }, 200);
      fails("cancel", () -> s.execute("SELECT pg_sleep(30)"));
      c.rollback();
      s.execute("SELECT 1");
      s.setQueryTimeout(1);
      fails("query timeout", () -> s.execute("SELECT pg_sleep(30)"));
      c.rollback();
    }
    say("after cancel", rows(c, "SELECT 1"));
    c.close();

    // The default threshold, where the fifth execution changes to a named statement; and the simple protocol.
    for (String mode : new String[] {"prepareThreshold=5", "preferQueryMode=simple", "preferQueryMode=extendedForPrepared", "prepareThreshold=1&preparedStatementCacheQueries=2"}) {
      try (Connection other = connect(mode + "&options=-c%20search_path=w" + n + ",public")) {
        say("mode", mode);
        state(other);
      }
    }
  }

  void heard(Connection c) throws Exception {
    PGNotification[] found = c.unwrap(PGConnection.class).getNotifications(20000);
    say("notified", found == null ? "nothing" : found[0].getName() + " " + found[0].getParameter());
  }

  public static void main(String[] args) throws Exception {
    run(T::new);
  }

  /** body() of each worker in a thread of its own; prints what they said and ends the process. */
  static void run(java.util.function.IntFunction<T> make) throws Exception {
    DriverManager.getDrivers();
    List<T> workers = new ArrayList<>();
    List<Thread> threads = new ArrayList<>();
    for (int n = 0; n < WORKERS; n++) {
      T w = make.apply(n);
      workers.add(w);
      Thread thread = new Thread(() -> {
        try {
          w.body();
        } catch (Throwable error) {
          w.broken = true;
          StringWriter trace = new StringWriter();
          error.printStackTrace(new java.io.PrintWriter(trace));
          w.say("BROKEN", trace);
        }
        w.done = true;
      });
      thread.setDaemon(true);
      thread.start();
      threads.add(thread);
    }
    long end = System.currentTimeMillis() + 1000 * Long.parseLong(System.getenv().getOrDefault("HANGS", "60"));
    for (Thread thread : threads) thread.join(Math.max(1, end - System.currentTimeMillis()));
    boolean broken = false;
    for (T w : workers) {
      System.out.println("== worker " + w.n);
      if (!w.done) w.say("BROKEN", "it hangs after this");
      w.lines.forEach(System.out::println);
      broken |= w.broken || !w.done;
    }
    System.out.flush();
    Runtime.getRuntime().halt(broken ? 1 : 0);
  }
}
