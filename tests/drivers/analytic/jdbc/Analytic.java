// JDBC (pgjdbc) over analytic relations: every read by each query mode, in text and binary; parameters of every type;
// fetchSize, maxRows, scrollable results, COPY, transactions, savepoints and autosave, cancel and query timeout.
import java.io.ByteArrayOutputStream;
import java.math.BigDecimal;
import java.nio.file.*;
import java.sql.*;
import java.time.*;
import java.util.*;
import java.util.concurrent.TimeUnit;
import org.postgresql.PGConnection;

public class Analytic extends T {
  // Minutes, on any of the servers.
  static final String SLOW = "SELECT count(*) FROM events a, events b, events c, events d WHERE a.reading + b.reading + c.reading + d.reading < 0";

  Analytic(int n) { super(n); }

  public static void main(String[] args) throws Exception { run(Analytic::new); }

  /** Name and SQL of each statement of a file: one line below a comment that names it. */
  static Map<String, String> statements(String file) throws Exception {
    Map<String, String> found = new LinkedHashMap<>();
    List<String> lines = Files.readAllLines(Path.of(System.getenv("SUITE"), file));
    for (int i = 0; i + 1 < lines.size(); i++)
      if (lines.get(i).startsWith("-- ") && !lines.get(i + 1).startsWith("-- ")) found.put(lines.get(i).substring(3), lines.get(i + 1));
    return found;
  }

  /** Values as text, since arrays, bytes and the driver's own classes print their address. */
  static String shown(Object value) throws SQLException {
    if (value instanceof byte[] bytes) return Arrays.toString(bytes);
    if (value instanceof java.sql.Array array) return array.getBaseTypeName() + Arrays.deepToString((Object[]) array.getArray());
    return value == null ? "null" : value.getClass().getSimpleName() + " " + value;
  }

  static List<String> read(ResultSet rows) throws SQLException {
    List<String> found = new ArrayList<>();
    while (rows.next()) {
      StringJoiner row = new StringJoiner(", ", "(", ")");
      for (int i = 1; i <= rows.getMetaData().getColumnCount(); i++) row.add(shown(rows.getObject(i)));
      found.add(row.toString());
    }
    return found;
  }

  List<String> ask(Connection c, String sql, Object... values) throws SQLException {
    try (PreparedStatement s = c.prepareStatement(sql)) {
      for (int i = 0; i < values.length; i++) s.setObject(i + 1, values[i]);
      return read(s.executeQuery());
    }
  }

  /** SQLSTATE alone; the words are the server's own. */
  void refused(String step, Part part) throws Exception {
    try {
      part.run();
      say(step, "no error");
    } catch (SQLException error) {
      say(step, error.getSQLState());
    }
  }

  @Override void body() throws Exception {
    for (String mode : new String[] {"prepareThreshold=1&binaryTransfer=true", "prepareThreshold=-1", "prepareThreshold=5&binaryTransfer=false", "preferQueryMode=simple", "preferQueryMode=extendedForPrepared"}) {
      try (Connection c = connect(mode + "&ApplicationName=worker%20" + n)) {
        say("mode", mode);
        reads(c, mode);
      }
    }
    barrier.await(60, TimeUnit.SECONDS);
    try (Connection c = connect("prepareThreshold=2&ApplicationName=worker%20" + n)) {
      cursors(c);
      transactions(c);
      cancels(c);
    }
    try (Connection c = connect("prepareThreshold=1&autosave=always")) {
      c.setAutoCommit(false);
      say("autosave", ask(c, "SELECT count(*) FROM events"));
      refused("an error", () -> ask(c, "SELECT nothing FROM events"));
      say("healed", ask(c, "SELECT count(*) FROM events WHERE id > ?", 3), ask(c, "SELECT 1"));
      c.commit();
    }
  }

  void reads(Connection c, String mode) throws Exception {
    for (Map.Entry<String, String> read : statements("reads.sql").entrySet()) {
      try (Statement s = c.createStatement()) { say(read.getKey(), read(s.executeQuery(read.getValue()))); }
      try (PreparedStatement s = c.prepareStatement(read.getValue().replace("?", "??"))) {
        for (int i = 0; i < 3; i++) say(read.getKey() + ", prepared", read(s.executeQuery()).hashCode());
        ResultSetMetaData columns = s.getMetaData();
        StringJoiner text = new StringJoiner(", ");
        for (int i = 1; i <= columns.getColumnCount(); i++) text.add(columns.getColumnLabel(i) + " " + columns.getColumnType(i) + " " + columns.getColumnClassName(i));
        say(read.getKey() + ", columns", text);
      }
    }
    Object[][] parameters = {
      {"long", "id = ?", 77L}, {"int", "device = ? AND id < 20", 3}, {"short", "small = ?", (short) 5}, {"double", "reading = ?", 2.125}, {"float", "ratio = ? AND id < 9", 0.25f},
      {"numeric", "price = ?", new BigDecimal("4.50")}, {"bool", "ok = ? AND id < 9", true}, {"text", "kind = ? AND id < 9", "kind 1"}, {"date", "day = ? AND id < 15", java.sql.Date.valueOf("2026-01-02")},
      {"local date", "day = ? AND id < 15", LocalDate.of(2026, 1, 2)}, {"timestamp", "at < ?", Timestamp.valueOf("2026-01-01 05:00:00")}, {"local timestamp", "at < ?", LocalDateTime.of(2026, 1, 1, 5, 0)},
      {"offset timestamp", "seen < ?", OffsetDateTime.of(2026, 1, 1, 5, 0, 0, 0, ZoneOffset.UTC)}, {"time", "hour = ?", LocalTime.of(0, 8)}, {"bytes", "raw = ? AND id < 4", new byte[] {0, -1, 39}},
      {"array", "id = ANY(?)", c.createArrayOf("int8", new Long[] {3L, 1L, 499L})}, {"array of texts", "kind = ANY(?) AND id < 5", c.createArrayOf("varchar", new String[] {"kind 1", "kind 3"})},
      {"text as a number", "id = ?::bigint", "12"}, {"quotes", "kind <> ? AND id = 1", "it's \\ \"so\""},
    };
    for (Object[] one : parameters) {
      if (one[0].equals("bytes") && mode.startsWith("preferQueryMode")) continue; // the driver cannot write them into a text
      for (int i = 0; i < 3; i++) say("parameter " + one[0], ask(c, "SELECT id, ref FROM events WHERE " + one[1] + " ORDER BY id", one[2]));
    }
    try (PreparedStatement s = c.prepareStatement("SELECT count(*) FROM events WHERE device = ? OR kind = ? OR day = ? OR price = ?")) {
      s.setNull(1, Types.INTEGER);
      s.setNull(2, Types.VARCHAR);
      s.setNull(3, Types.DATE);
      s.setNull(4, Types.NUMERIC);
      say("NULLs", read(s.executeQuery()));
    }
    String how = mode.endsWith("=simple") ? ", simple" : "";
    refused("limit and offset" + how, () -> say("rows of limit and offset" + how, ask(c, "SELECT id FROM events ORDER BY id LIMIT ? OFFSET ?", 3, 7)));
    refused("limit", () -> say("rows of limit", ask(c, "SELECT id FROM events ORDER BY id DESC LIMIT ?", 2L)));
    try (Statement s = c.createStatement()) {
      s.setMaxRows(4);
      say("max rows", read(s.executeQuery("SELECT id FROM events ORDER BY id")));
      s.setMaxRows(0);
      s.execute("SELECT count(*) FROM events; SELECT 1; SELECT name FROM devices WHERE id = 1");
      List<String> several = new ArrayList<>();
      do several.addAll(read(s.getResultSet())); while (s.getMoreResults());
      say("several", several);
    }
    for (Map.Entry<String, String> wrong : statements("errors.sql").entrySet())
      for (int i = 0; i < 2; i++) refused(wrong.getKey(), () -> ask(c, wrong.getValue()));
    try (ResultSet rows = c.createStatement().executeQuery("SELECT id, at, seen, day, hour, price, doc, marks FROM events WHERE id = 9")) {
      rows.next();
      say("getters", rows.getInt(1), rows.getString(1), rows.getTimestamp(2).getTime(), rows.getObject(3, OffsetDateTime.class), rows.getObject(4, LocalDate.class), rows.getTime(5).getTime(), rows.getBigDecimal(6),
          rows.getDouble(6), rows.getString(7), rows.getString(8), rows.getObject(2, LocalDateTime.class));
    }
  }

  void cursors(Connection c) throws Exception {
    c.setAutoCommit(false);
    try (PreparedStatement s = c.prepareStatement("SELECT id, price FROM events WHERE id > ? ORDER BY id")) {
      for (int round = 0; round < 4; round++) {
        s.setFetchSize(70);
        s.setLong(1, round);
        try (ResultSet found = s.executeQuery()) {
          long last = 0;
          int count = 0;
          while (found.next()) {
            last = found.getLong(1);
            if (++count == 100) say("in between", ask(c, "SELECT count(*) FROM devices"), ask(c, "SELECT 1"));
          }
          say("fetched", count, last);
        }
      }
    }
    try (Statement s = c.createStatement()) {
      s.setFetchSize(5);
      ResultSet found = s.executeQuery("SELECT id FROM events ORDER BY id");
      for (int i = 0; i < 12; i++) found.next();
      c.commit(); // the portal is gone
      refused("after commit", () -> { while (found.next()) { } });
    }
    c.rollback();
    try (Statement s = c.createStatement(ResultSet.TYPE_SCROLL_INSENSITIVE, ResultSet.CONCUR_READ_ONLY)) {
      ResultSet found = s.executeQuery("SELECT id FROM events ORDER BY id");
      found.last();
      int last = found.getRow();
      found.absolute(3);
      say("scrolled", last, found.getInt(1), found.previous(), found.getInt(1));
    }
    c.commit();
    c.setAutoCommit(true);
    for (String options : new String[] {"", "WITH (FORMAT csv, HEADER)", "WITH (FORMAT binary)"}) {
      ByteArrayOutputStream out = new ByteArrayOutputStream();
      long count = c.unwrap(PGConnection.class).getCopyAPI().copyOut("COPY (SELECT id, kind, device, price, seen" + (options.contains("binary") ? "" : ", doc") + " FROM events WHERE id < 11 ORDER BY id) TO STDOUT " + options, out);
      say("copy " + options, count, Arrays.toString(out.toByteArray()));
    }
  }

  void transactions(Connection c) throws Exception {
    c.setAutoCommit(false);
    for (int level : new int[] {Connection.TRANSACTION_READ_COMMITTED, Connection.TRANSACTION_REPEATABLE_READ, Connection.TRANSACTION_SERIALIZABLE}) {
      for (boolean readOnly : new boolean[] {true, false}) {
        c.setTransactionIsolation(level);
        c.setReadOnly(readOnly);
        say("isolation " + level + " " + readOnly, ask(c, "SELECT count(*) FROM events"), ask(c, "SELECT max(total) FROM daily WHERE events > ?", 1), ask(c, "SHOW transaction_isolation"));
        Savepoint point = c.setSavepoint("a");
        refused("within", () -> ask(c, "SELECT 1 / (id - id) FROM events"));
        refused("aborted", () -> ask(c, "SELECT count(*) FROM events"));
        c.rollback(point);
        say("healed", ask(c, "SELECT count(*) FROM events"));
        c.commit();
      }
    }
    c.setTransactionIsolation(Connection.TRANSACTION_READ_COMMITTED);
    refused("an error", () -> ask(c, "SELECT nothing FROM events"));
    refused("aborted", () -> ask(c, "SELECT count(*) FROM events"));
    c.rollback();
    c.setAutoCommit(true);
  }

  void cancels(Connection c) throws Exception {
    try (Statement s = c.createStatement()) {
      s.setQueryTimeout(1);
      refused("query timeout", () -> s.executeQuery(SLOW));
      s.setQueryTimeout(0);
      Timer timer = new Timer(true);
      timer.schedule(new TimerTask() { public void run() { try { s.cancel(); } catch (SQLException ignored) { } } }, 1000);
      refused("cancel", () -> s.executeQuery(SLOW));
      s.execute("SET statement_timeout = 200");
      refused("statement_timeout", () -> s.executeQuery(SLOW));
      s.execute("RESET statement_timeout");
    }
    say("afterwards", ask(c, "SELECT count(*) FROM events"), ask(c, "SELECT 1"));
  }
}
