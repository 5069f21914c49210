# Migrations of a watched table: the statements that Odoo's ORM, Django's schema editor and Rails' Active Record
# send, in the transactions that they send them in, while sessions of the application stay connected. The
# application is never disturbed; what the watch can still read arrives, the rest is parked with its reason.

use strict;
use warnings FATAL => 'all';

use CrmCapi;
use PostgreSQL::Test::Utils;
use Test::More;

my $crm = CrmCapi->new('migrations', bare => 1, conf => "crm_capi.poll_interval = '1h'");
my $node = $crm->node;
$crm->sql('CREATE EXTENSION crm_capi; CREATE ROLE app LOGIN; CREATE ROLE heir LOGIN; GRANT heir TO app');
$crm->sql("CREATE SERVER sales FOREIGN DATA WRAPPER crm_capi
             OPTIONS (dataset_id '1234567890123456', lead_event_source 'ORM', mode 'paused');
           GRANT USAGE ON FOREIGN SERVER sales TO app, heir; GRANT CREATE ON SCHEMA public TO app, heir");

# A worker of the application, connected for as long as the test runs, with statements that it has prepared.
my $worker = $node->background_psql('postgres', extra_params => [ '-U', 'app' ]);
my $looked = 0;

# The migration, in another session; in one transaction unless it says otherwise.
sub migrate
{
	my ($name, @statements) = @_;
	my $whole = grep { /CONCURRENTLY|VACUUM|CLUSTER|ADD VALUE|DETACH/ } @statements;
	@statements = ('BEGIN', @statements, 'COMMIT') unless $whole;
	my ($code, undef, $stderr) = $node->psql('postgres', join('', map { "$_;\n" } @statements),
		extra_params => [ '-U', 'app' ]);
	is($code, 0, "$name: the migration is not disturbed") or diag $stderr;
	return;
}

# The application's own work, in the session that was there before.
sub work
{
	my ($name, @statements) = @_;
	eval { $worker->query_safe("$_;") for @statements; 1 } or fail("$name: the application is disturbed: $@");
	return;
}

# Test: these events have been queued since the last call: "lead stage", or "lead stage reason".
sub queued
{
	my ($name, @expected) = @_;
	is( $crm->sql(
			"SELECT string_agg(concat_ws(' ', e.lead_id % 1000, e.event_name, s.reason_code), ', ' ORDER BY e.id)
			 FROM capi_event_log e LEFT JOIN capi_settlement s ON s.event = e.id WHERE e.id > $looked"),
		join(', ', @expected), "$name: what is queued");
	$looked = $crm->sql('SELECT coalesce(max(id), 0) FROM capi_event_log');
	return;
}

sub problem { return $crm->sql("SELECT coalesce(problem, 'none') FROM capi_watches WHERE target = '$_[0]'::regclass"); }

# --- Odoo: columns come and go as modules are installed and upgraded, each with its comment and its savepoint

$worker->query_safe("CREATE TABLE crm_stage (id serial PRIMARY KEY, name varchar NOT NULL);
	INSERT INTO crm_stage (name) VALUES ('New'), ('Qualified'), ('Won');
	CREATE TABLE crm_lead (id serial PRIMARY KEY, name varchar, stage_id int4, x_meta_lead_id varchar,
	    expected_revenue numeric, date_last_stage_update timestamp);
	SELECT capi_watch('crm_lead', 'x_meta_lead_id', '(SELECT s.name FROM crm_stage s WHERE s.id = NEW.stage_id)',
	    event_time => 'date_last_stage_update', custom_data => '{\"value\": \"expected_revenue\"}');
	PREPARE create_lead (text) AS INSERT INTO crm_lead (name, stage_id, x_meta_lead_id, date_last_stage_update)
	    VALUES ('Lead', 1, \$1, now() AT TIME ZONE 'UTC');
	PREPARE move (int, int) AS UPDATE crm_lead SET stage_id = \$2, date_last_stage_update = clock_timestamp() AT TIME ZONE 'UTC'
	    WHERE id = \$1");
work('odoo', "EXECUTE create_lead ('123456789012001')", "EXECUTE create_lead ('123456789012002')");
queued('odoo', '1 New', '2 New');
migrate('odoo: a module is installed',
	'SAVEPOINT s1',
	'ALTER TABLE "crm_lead" ADD COLUMN "x_score" int4', 'COMMENT ON COLUMN "crm_lead"."x_score" IS \'Score\'',
	'UPDATE "crm_lead" SET "x_score" = 0 WHERE "x_score" IS NULL',
	'ALTER TABLE "crm_lead" ALTER COLUMN "x_score" SET NOT NULL',
	'ALTER TABLE "crm_lead" ALTER COLUMN "x_score" SET DEFAULT 0',
	'RELEASE SAVEPOINT s1', 'SAVEPOINT s2',
	'CREATE INDEX IF NOT EXISTS "crm_lead__stage_id_index" ON "crm_lead" USING btree ("stage_id")',
	'ALTER TABLE "crm_lead" ADD FOREIGN KEY ("stage_id") REFERENCES "crm_stage" ("id") ON DELETE restrict',
	'RELEASE SAVEPOINT s2', 'SAVEPOINT s3',
	'ALTER TABLE "crm_lead" ADD CONSTRAINT "crm_lead_check_score" CHECK (x_score >= 0)',
	'ROLLBACK TO SAVEPOINT s3');
work('odoo: a module is installed', 'EXECUTE move (1, 2)');
queued('odoo: a module is installed', '1 Qualified');
migrate('odoo: stages become translated, while leads move',
	'UPDATE crm_lead SET stage_id = 3 WHERE id = 1',
	'ALTER TABLE "crm_stage" ALTER COLUMN "name" DROP DEFAULT,
	   ALTER COLUMN "name" TYPE jsonb USING CASE WHEN "name" IS NOT NULL THEN jsonb_build_object(\'en_US\', "name"::varchar) END');
work('odoo: stages become translated', 'EXECUTE move (2, 2)');
queued('odoo: stages become translated', '1 Won', '2 {"en_US": "Qualified"}');
work('odoo: the watch follows', "SELECT capi_unwatch('crm_lead')",
	"SELECT capi_watch('crm_lead', 'x_meta_lead_id', '(SELECT s.name ->> ''en_US'' FROM crm_stage s WHERE s.id = NEW.stage_id)',
	   event_time => 'date_last_stage_update', custom_data => '{\"value\": \"expected_revenue\"}')");
migrate('odoo: a column changes its type, keeping a copy',
	'ALTER TABLE "crm_lead" RENAME COLUMN "expected_revenue" TO "expected_revenue_moved0"',
	'ALTER TABLE "crm_lead" ADD COLUMN "expected_revenue" float8',
	'UPDATE "crm_lead" SET "expected_revenue" = "expected_revenue_moved0"::float8, stage_id = 1',
	'ALTER TABLE "crm_lead" DROP COLUMN "expected_revenue_moved0" CASCADE');
work('odoo: a column changes its type', 'EXECUTE move (1, 3)');
queued('odoo: a column changes its type', '1 New', '2 New', '1 Won');
migrate('odoo: a module is uninstalled',
	'ALTER TABLE "crm_lead" DROP COLUMN "expected_revenue" CASCADE', 'ALTER TABLE "crm_lead" DROP COLUMN "x_score" CASCADE');
work('odoo: a module is uninstalled', 'EXECUTE move (2, 2)');
queued('odoo: a module is uninstalled', '2 Qualified column_missing');
like(problem('crm_lead'), qr/expected_revenue/, 'odoo: the view of watches names what is gone');
migrate('odoo: it is installed again', 'ALTER TABLE "crm_lead" ADD COLUMN "expected_revenue" numeric');
work('odoo: it is installed again', 'EXECUTE move (2, 3)');
queued('odoo: it is installed again', '2 Won');
work('odoo', 'DROP TABLE crm_lead, crm_stage');

# --- Django: one transaction for each migration, defaults that are dropped at once, data moved by RunPython beside it

$worker->query_safe('CREATE TABLE "lead" ("id" uuid NOT NULL PRIMARY KEY, "title" varchar(64) NOT NULL, "phone" varchar(20) NULL,
	    "status" varchar(255) NULL, "custom_fields" jsonb NOT NULL, "updated_at" timestamp with time zone NOT NULL);
	SELECT capi_watch(\'lead\', $$NEW.custom_fields ->> \'meta_lead_id\'$$, \'status\');
	PREPARE save_lead (uuid, text) AS UPDATE "lead" SET "status" = $2, "updated_at" = now() WHERE "lead"."id" = $1');
my @id = map { sprintf '20202020-0000-4000-8000-%012d', $_ } 1 .. 2;
work('django', map {
		"INSERT INTO \"lead\" (\"id\", \"title\", \"phone\", \"status\", \"custom_fields\", \"updated_at\")
		 VALUES ('$id[$_ - 1]'::uuid, 'Lead', NULL, 'assigned', '{\"meta_lead_id\": \"12345678901210$_\"}'::jsonb, now())"
	} 1, 2);
queued('django', '101 assigned', '102 assigned');
migrate('django: AddField, AlterField, RenameField',
	'ALTER TABLE "lead" ADD COLUMN "kanban_order" numeric(15, 6) DEFAULT \'0\' NOT NULL',
	'ALTER TABLE "lead" ALTER COLUMN "kanban_order" DROP DEFAULT',
	'ALTER TABLE "lead" ALTER COLUMN "phone" TYPE varchar(25) USING "phone"::varchar(25)',
	'ALTER TABLE "lead" RENAME COLUMN "title" TO "salutation"',
	'ALTER TABLE "lead" ADD COLUMN "title" varchar(255) NULL',
	'CREATE INDEX "lead_status_1f5d8a_idx" ON "lead" ("status", "kanban_order")');
work('django: AddField, AlterField, RenameField', "EXECUTE save_lead ('$id[0]', 'in process')");
queued('django: AddField, AlterField, RenameField', '101 in process');
migrate('django: RunPython between schema changes',
	'ALTER TABLE "lead" ADD COLUMN "stage" varchar(100) NULL',
	'UPDATE "lead" SET "stage" = "status", "status" = \'converted\' WHERE "lead"."status" = \'in process\'',
	'SET CONSTRAINTS ALL IMMEDIATE',
	'UPDATE "lead" SET "status" = \'\' WHERE "status" IS NULL',
	'ALTER TABLE "lead" ALTER COLUMN "status" SET DEFAULT \'\'', 'ALTER TABLE "lead" ALTER COLUMN "status" SET NOT NULL',
	'ALTER TABLE "lead" ALTER COLUMN "status" TYPE text USING "status"::text',
	'UPDATE "lead" SET "status" = \'recycled\' WHERE "id" = \'' . $id[1] . '\'::uuid');
work('django: RunPython between schema changes', "EXECUTE save_lead ('$id[1]', 'closed')");
queued('django: RunPython between schema changes', '101 converted', '102 recycled', '102 closed');
migrate('django: RenameField of the stage', 'ALTER TABLE "lead" RENAME COLUMN "status" TO "state"');
$worker->query_safe('PREPARE save_state (uuid, text) AS UPDATE "lead" SET "state" = $2 WHERE "lead"."id" = $1');
work('django: RenameField of the stage', "EXECUTE save_state ('$id[0]', 'closed')");
queued('django: RenameField of the stage', '101 column_missing');
like(problem('lead'), qr/status/, 'django: the view of watches names the column');
migrate('django: it is taken back', 'ALTER TABLE "lead" RENAME COLUMN "state" TO "status"');
work('django: it is taken back', "EXECUTE save_lead ('$id[0]', 'recycled')");
queued('django: it is taken back', '101 recycled');
migrate('django: RenameModel, AddIndexConcurrently', 'ALTER TABLE "lead" RENAME TO "sales_lead"',
	'CREATE INDEX CONCURRENTLY "sales_lead_stage_idx" ON "sales_lead" ("stage")');
work('django: RenameModel', "UPDATE \"sales_lead\" SET \"status\" = 'assigned' WHERE \"id\" = '$id[0]'::uuid");
queued('django: RenameModel', '101 assigned');
work('django', 'DROP TABLE sales_lead CASCADE');

# --- Rails: enums, references, NULLs filled before they are forbidden

$worker->query_safe("CREATE TABLE \"leads\" (\"id\" bigserial primary key, \"meta_lead_id\" integer, \"status\" character varying,
	    \"created_at\" timestamp(6) NOT NULL DEFAULT now());
	ALTER TABLE leads ALTER COLUMN meta_lead_id TYPE bigint;
	SELECT capi_watch('leads', 'meta_lead_id', 'status');
	PREPARE update_status (bigint, text) AS UPDATE \"leads\" SET \"status\" = \$2 WHERE \"leads\".\"id\" = \$1");
work('rails', 'INSERT INTO "leads" ("meta_lead_id", "status") VALUES (123456789012201, \'new\'), (123456789012202, NULL) RETURNING "id"');
queued('rails', '201 new', '202 stage_missing');
migrate('rails: add_column, change_column_null, change_column',
	'ALTER TABLE "leads" ADD "score" integer DEFAULT 0 NOT NULL',
	'ALTER TABLE "leads" ADD "owner_id" bigint', 'CREATE INDEX "index_leads_on_owner_id" ON "leads" ("owner_id")',
	'UPDATE "leads" SET "status"=\'new\' WHERE "status" IS NULL',
	'ALTER TABLE "leads" ALTER COLUMN "status" SET NOT NULL', 'ALTER TABLE "leads" ALTER COLUMN "status" SET DEFAULT \'new\'',
	'ALTER TABLE "leads" ALTER COLUMN "status" TYPE character varying(64)',
	'ALTER TABLE "leads" ADD CONSTRAINT chk_rails_score CHECK (score >= 0) NOT VALID',
	'ALTER TABLE "leads" VALIDATE CONSTRAINT "chk_rails_score"');
work('rails: add_column, change_column_null, change_column', "EXECUTE update_status (1, 'met')");
queued('rails: add_column, change_column_null, change_column', '202 new', '201 met');
migrate('rails: create_enum, change_column',
	"CREATE TYPE \"lead_status\" AS ENUM ('new', 'met', 'won')",
	'ALTER TABLE "leads" ALTER COLUMN "status" DROP DEFAULT',
	'ALTER TABLE "leads" ALTER COLUMN "status" TYPE lead_status USING "status"::lead_status',
	'ALTER TABLE "leads" ALTER COLUMN "meta_lead_id" TYPE character varying USING "meta_lead_id"::text',
	"UPDATE \"leads\" SET \"status\" = 'won' WHERE \"id\" = 1");
$worker->query_safe('DEALLOCATE ALL');
migrate('rails: add_enum_value', "ALTER TYPE \"lead_status\" ADD VALUE IF NOT EXISTS 'lost'");
work('rails: create_enum, add_enum_value', "UPDATE \"leads\" SET \"status\" = 'lost' WHERE \"id\" = 2");
queued('rails: create_enum, add_enum_value', '201 won', '202 lost');
migrate('rails: rename_table, with its sequence and its key',
	'ALTER TABLE "leads" RENAME TO "prospects"', 'ALTER TABLE "leads_id_seq" RENAME TO "prospects_id_seq"',
	'ALTER INDEX "leads_pkey" RENAME TO "prospects_pkey"', 'ALTER TABLE "prospects" DROP COLUMN "score"');
work('rails: rename_table', 'UPDATE "prospects" SET "status" = \'new\' WHERE "id" = 1');
queued('rails: rename_table', '201 new');
work('rails', 'DROP TABLE prospects');

# --- What administrators do: new owners, rewrites, TRUNCATE; partitions come and go

$worker->query_safe("CREATE TABLE leads (id int PRIMARY KEY, lead bigint, stage text);
	SELECT capi_watch('leads', 'lead', 'upper(NEW.stage)')");
work('owner', "INSERT INTO leads VALUES (1, 123456789012301, 'new')");
migrate('a new owner', 'ALTER TABLE leads OWNER TO heir');
work('a new owner', "SET ROLE heir; UPDATE leads SET stage = 'met'");
queued('a new owner', '301 NEW', 'watch_not_approved');
work('the new owner watches', "SELECT capi_unwatch('leads')", "SELECT capi_watch('leads', 'lead', 'upper(NEW.stage)')",
	"UPDATE leads SET stage = 'won'", 'RESET ROLE');
queued('the new owner watches', '301 WON');
migrate('back again', 'ALTER TABLE leads OWNER TO app');
work('back again', "SELECT capi_unwatch('leads')", "SELECT capi_watch('leads', 'lead', 'upper(NEW.stage)')", "UPDATE leads SET stage = 'lost'");
queued('back again', '301 LOST');
for my $rewrite ('VACUUM FULL leads', 'CLUSTER leads USING leads_pkey', 'ALTER TABLE leads SET UNLOGGED', 'ALTER TABLE leads SET LOGGED',
	'ALTER TABLE leads ALTER COLUMN id TYPE bigint', 'REINDEX TABLE leads')
{
	migrate($rewrite, $rewrite);
	work($rewrite, "UPDATE leads SET stage = '$rewrite'");
	queued($rewrite, '301 ' . uc $rewrite);
}
migrate('rewritten between two writes', "UPDATE leads SET stage = 'before'", 'ALTER TABLE leads ALTER COLUMN id TYPE int',
	"UPDATE leads SET stage = 'after'", 'TRUNCATE leads', "INSERT INTO leads VALUES (1, 123456789012302, 'truncated')");
queued('rewritten between two writes', '301 BEFORE', '301 AFTER', '302 TRUNCATED');
work('owner', 'DROP TABLE leads');

$worker->query_safe("CREATE TABLE leads (id int, lead bigint, stage text) PARTITION BY RANGE (id);
	CREATE TABLE leads_old PARTITION OF leads FOR VALUES FROM (0) TO (10);
	SELECT capi_watch('leads', 'lead', 'stage')");
work('partitions', "INSERT INTO leads VALUES (1, 123456789012401, 'new')");
$worker->query_safe("CREATE TABLE leads_new (stage text, lead bigint, id int)");
migrate('a partition is attached', "INSERT INTO leads_new VALUES ('not watched', 123456789012402, 11)",
	'ALTER TABLE leads ATTACH PARTITION leads_new FOR VALUES FROM (10) TO (20)', "UPDATE leads SET stage = 'attached' WHERE id = 11");
work('a partition is attached', "UPDATE leads SET id = 12, stage = 'moved' WHERE id = 1", "INSERT INTO leads_new VALUES ('direct', 123456789012403, 13)");
queued('a partition is attached', '401 new', '402 attached', '401 moved', '403 direct');
migrate('a partition is detached', 'ALTER TABLE leads DETACH PARTITION leads_new CONCURRENTLY');
work('a partition is detached', "UPDATE leads_new SET stage = 'detached'", "INSERT INTO leads VALUES (2, 123456789012404, 'still watched')");
queued('a partition is detached', '404 still watched');
migrate('and attached again', 'ALTER TABLE leads ATTACH PARTITION leads_new FOR VALUES FROM (10) TO (20)');
work('and attached again', "UPDATE leads SET stage = 'back' WHERE id = 11");
queued('and attached again', '402 back');

# A table that is watched itself becomes a partition of one that is: two watches would send each change twice.
$worker->query_safe("CREATE TABLE leads_own (id int, lead bigint, stage text); SELECT capi_watch('leads_own', 'lead', 'stage')");
my ($code, undef, $stderr) = $node->psql('postgres', 'ALTER TABLE leads ATTACH PARTITION leads_own FOR VALUES FROM (20) TO (30)',
	extra_params => [ '-U', 'app' ]);
isnt($code, 0, 'a table that is watched itself is not attached');
like($stderr, qr/trigger "capi_watch_sales" for relation "leads_own" already exists/, 'since it has that watch already');
work('a table that was watched', "SELECT capi_unwatch('leads_own')",
	'ALTER TABLE leads ATTACH PARTITION leads_own FOR VALUES FROM (20) TO (30)', "INSERT INTO leads VALUES (21, 123456789012405, 'once')");
queued('a table that was watched', '405 once');

$worker->quit;
unlike(slurp_file($node->logfile), qr/PANIC:|TRAP:|was terminated by signal/, 'no crash');

done_testing();
