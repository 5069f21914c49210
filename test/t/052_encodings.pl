# Every encoding that a server can have: whatever a row holds, no statement of the CRM fails; what has no
# counterpart in UTF-8 is parked, and everything else arrives.

use strict;
use warnings FATAL => 'all';

use CrmCapi;
use PostgreSQL::Test::Utils;
use Test::More;

my $crm = CrmCapi->new('encodings', bare => 1,
	conf => "crm_capi.poll_interval = '500ms'\ncrm_capi.max_shippers = 64\nmax_worker_processes = 80\n");
my $node = $crm->node;

my @encodings = split /\n/, $crm->sql(q{
	SELECT pg_encoding_to_char(i) FROM generate_series(0, 60) i WHERE pg_encoding_to_char(i) <> ''});
my @databases;
for my $encoding (@encodings)
{
	my ($status, undef, $error) = $node->psql('postgres',
		"CREATE DATABASE \"$encoding\" ENCODING '$encoding' TEMPLATE template0 LOCALE 'C'");
	push @databases, $encoding if $status == 0;
	like($error, qr/is not a valid encoding name/, "$encoding is for clients only") if $status != 0;
}
cmp_ok(scalar @databases, '>=', 30, 'encodings of servers');

# Characters of one to four bytes, as far as the server takes them for some: each value of the first byte, and
# some of those that follow.
my $characters = <<'SQL';
CREATE TABLE characters (id serial PRIMARY KEY, c text, utf8 boolean);
DO $$
DECLARE
    bytes bytea;
    tail bytea;
    c text;
    encoding name := current_setting('server_encoding');
    in_utf8 boolean;
BEGIN
    FOR lead_byte IN 128 .. 255 LOOP
        FOREACH tail IN ARRAY ARRAY['', '\xa1', '\xfe', '\x41', '\x80', '\xa1a1', '\xd3f1', '\x80a1', '\xa2a1a1',
                                    '\x80b080', '\xf5b0a0']::bytea[] LOOP
            bytes := set_byte('\x00', 0, lead_byte) || tail;
            BEGIN
                c := convert_from(bytes, encoding);
                CONTINUE WHEN encoding <> 'SQL_ASCII' AND length(c) > 1;
                BEGIN
                    PERFORM convert(bytes, CASE encoding WHEN 'SQL_ASCII' THEN 'UTF8' ELSE encoding END, 'UTF8');
                    in_utf8 := true;
                EXCEPTION WHEN OTHERS THEN
                    in_utf8 := false;
                END;
                INSERT INTO characters (c, utf8) VALUES (c, in_utf8);
            EXCEPTION WHEN OTHERS THEN
                CONTINUE;
            END;
        END LOOP;
    END LOOP;
END $$;
INSERT INTO characters (c, utf8) VALUES ('a', true);
SQL

my $crm_tables = <<'SQL';
CREATE TABLE stages (id int PRIMARY KEY, lead text, stage text);
CREATE TABLE leads (id int PRIMARY KEY, lead text);
CREATE TABLE people (id int PRIMARY KEY, lead text, name text, note text);
SELECT capi_watch('stages', 'lead', 'stage');
SELECT capi_watch('leads', 'lead', stage => $$'new'$$);
SELECT capi_watch('people', 'lead', stage => $$'new'$$, user_data => '{"fn": "name"}');
CREATE TABLE notes (id int PRIMARY KEY, lead text, note text);
SELECT capi_watch('notes', 'lead', stage => $$'new'$$, custom_data => '{"note": "note"}');
SQL

my $total = 0;
for my $encoding (@databases)
{
	$crm->sql('CREATE EXTENSION crm_capi', $encoding);
	$crm->create_dataset('sales', database => $encoding);
	$crm->sql($characters . $crm_tables, $encoding);
	my ($status, $out, $error) = $node->psql($encoding, q{
		INSERT INTO stages SELECT id, 12345678901230000 + id, 'stage ' || c FROM characters;
		INSERT INTO leads SELECT id, '1234567890123' || c FROM characters;
		INSERT INTO people SELECT id, 12345678901240000 + id, c FROM characters;
		INSERT INTO notes SELECT id, 12345678901250000 + id, c FROM characters;
		SELECT count(*) FROM characters});
	is("$status $error", '0 ', "$encoding: no statement fails ($out characters)");
	($status, undef, $error) = $node->psql($encoding, "ALTER SERVER sales OPTIONS (ADD partner_agent E'agent\\xe9')");
	unlike($error, qr/server closed|internal error/, "$encoding: an option is taken or refused");
	$total += $out;
}

for my $encoding (@databases)
{
	ok($crm->until_true('SELECT NOT EXISTS (SELECT FROM capi_owed)', $encoding), "$encoding: nothing is owed in the end");
	my $stages = 'FROM characters c JOIN capi_events e ON e.lead_id = 12345678901230000 + c.id';
	is( $crm->sql("SELECT c.c, e.status, e.reason_code $stages
	               WHERE e.status <> CASE WHEN c.utf8 THEN 'delivered' ELSE 'parked' END
	                 AND e.reason_code IS DISTINCT FROM 'stage_encoding' LIMIT 5", $encoding),
		'', "$encoding: a stage is delivered, or parked if it has no counterpart");
	is( $crm->sql("SELECT count(*) FROM characters c WHERE NOT EXISTS
	               (SELECT FROM capi_events e WHERE e.lead_id = 12345678901230000 + c.id)", $encoding),
		0, "$encoding: each is an event");
	is( $crm->sql("SELECT count(*) = (SELECT count(*) FROM characters) FROM capi_event_log
	               WHERE event_name = 'new' AND lead_id BETWEEN 12345678901240000 AND 12345678901249999", $encoding),
		't', "$encoding: so is each name");
	is( $crm->sql("SELECT count(*) = (SELECT count(*) FROM characters) FROM capi_events
	               WHERE event_name = 'new'
	                 AND (status = 'delivered' OR status = 'parked' AND reason_code = 'custom_data_unreadable')
	                 AND lead_id BETWEEN 12345678901250000 AND 12345678901259999", $encoding),
		't', "$encoding: and each further value");
	is($crm->sql("SELECT count(*) > 0 FROM capi_check()", $encoding), 't', "$encoding: the doctor answers");
}
cmp_ok($total, '>', 2000, "characters: $total");
unlike(slurp_file($node->logfile), qr/crm_capi shipper.*exited with exit code|ERROR:.*no equivalent|PANIC/,
	'no shipper ended');

done_testing();
