-- Tells Tidegate of DDL that is run directly on the default backend, so that it is seen at once instead of at the next `discover:` interval.
-- Run it there as a superuser, in the database of the backend's url:  psql -f examples/sql/notify_ddl.sql
CREATE FUNCTION tidegate_ddl() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN NOTIFY tidegate_ddl; END $$;
-- ddl_command_end fires for DROP too, once the relation is gone. A NOTIFY arrives when the transaction has committed.
CREATE EVENT TRIGGER tidegate_ddl ON ddl_command_end EXECUTE FUNCTION tidegate_ddl();
