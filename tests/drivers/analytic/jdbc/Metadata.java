// What a tool over JDBC asks before it shows anything: pgjdbc's DatabaseMetaData, with the patterns that schema browsers
// give it, then the rows of what it found. The relations of `bi` are analytic; the catalogs are PostgreSQL's.
import java.sql.*;
import java.util.*;

public class Metadata extends T {
  Metadata(int n) { super(n); }

  public static void main(String[] args) throws Exception { run(Metadata::new); }

  interface Asked { ResultSet run() throws SQLException; }

  void told(String step, Asked asked) throws Exception {
    fails(step + ", failed", () -> {
      try (ResultSet rows = asked.run()) {
        StringJoiner names = new StringJoiner(", ");
        for (int i = 1; i <= rows.getMetaData().getColumnCount(); i++) names.add(rows.getMetaData().getColumnName(i));
        say(step, names, Analytic.read(rows));
      }
    });
  }

  @Override void body() throws Exception {
    for (String mode : new String[] {"ApplicationName=Metabase%20v0.50", "ApplicationName=DBeaver%2024&prepareThreshold=1", "preferQueryMode=simple&loginTimeout=10"}) {
      try (Connection c = connect(mode)) {
        c.setReadOnly(true);
        browse(c);
      }
    }
  }

  void browse(Connection c) throws Exception {
    DatabaseMetaData meta = c.getMetaData();
    say("product", meta.getDatabaseProductName(), meta.getDatabaseMajorVersion(), meta.getURL() != null, meta.getUserName(), c.getCatalog(), c.getSchema(), c.isValid(5), meta.getDefaultTransactionIsolation(),
        meta.getMaxColumnNameLength(), meta.getIdentifierQuoteString(), meta.supportsTransactions());
    told("catalogs", meta::getCatalogs);
    told("schemas", () -> meta.getSchemas(null, "bi%"));
    told("all schemas", meta::getSchemas);
    told("table types", meta::getTableTypes);
    told("tables", () -> meta.getTables(null, "bi", "%", new String[] {"TABLE", "PARTITIONED TABLE", "VIEW", "FOREIGN TABLE", "MATERIALIZED VIEW"}));
    told("all tables", () -> meta.getTables("app", "bi", null, null));
    told("columns", () -> meta.getColumns(null, "bi", "%", "%"));
    told("columns of one", () -> meta.getColumns(null, "bi", "invoices", null));
    for (String table : new String[] {"accounts", "invoices", "monthly"}) {
      told("primary keys of " + table, () -> meta.getPrimaryKeys(null, "bi", table));
      told("imported keys of " + table, () -> meta.getImportedKeys(null, "bi", table));
      told("exported keys of " + table, () -> meta.getExportedKeys(null, "bi", table));
      told("indexes of " + table, () -> meta.getIndexInfo(null, "bi", table, false, true));
      told("row identifier of " + table, () -> meta.getBestRowIdentifier(null, "bi", table, DatabaseMetaData.bestRowSession, true));
      told("version columns of " + table, () -> meta.getVersionColumns(null, "bi", table));
      told("privileges of " + table, () -> meta.getTablePrivileges(null, "bi", table));
      told("column privileges of " + table, () -> meta.getColumnPrivileges(null, "bi", table, "%"));
    }
    told("cross reference", () -> meta.getCrossReference(null, "bi", "accounts", null, "bi", "invoices"));
    told("own types", () -> meta.getUDTs(null, "bi", "%", null));
    try (ResultSet types = meta.getTypeInfo()) {
      List<String> names = new ArrayList<>();
      while (types.next()) names.add(types.getString(1) + " " + types.getInt(2) + " " + types.getInt(3));
      names.removeIf(name -> name.matches("_?(events|devices|daily|loud) .*")); // what the catalogs cannot know
      say("types", names);
    }
    told("functions", () -> meta.getFunctions(null, "bi", "%"));
    told("procedures", () -> meta.getProcedures(null, "bi", "%"));
    told("client info", meta::getClientInfoProperties);

    // The rows of each, as a browser shows them: by name, typed by the result's metadata.
    for (String table : new String[] {"accounts", "invoices", "monthly"}) {
      try (Statement s = c.createStatement()) {
        s.setMaxRows(200);
        s.setFetchSize(50);
        ResultSet rows = s.executeQuery("SELECT * FROM \"bi\".\"" + table + "\" ORDER BY 1, 2");
        ResultSetMetaData columns = rows.getMetaData();
        List<String> described = new ArrayList<>();
        for (int i = 1; i <= columns.getColumnCount(); i++)
          described.add(columns.getColumnLabel(i) + " " + columns.getColumnTypeName(i) + " " + columns.getColumnType(i) + " " + columns.getPrecision(i) + " " + columns.getScale(i) + " " + columns.getColumnDisplaySize(i));
        say("described " + table, described);
        fails("origin of " + table, () -> say("origin", columns.getTableName(1), columns.isNullable(1), columns.isAutoIncrement(1)));
        say("rows of " + table, Analytic.read(rows));
      }
    }
  }
}
