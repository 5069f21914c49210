# No content of a row ends the shipper. Rows that no enqueue writes are planted into the log, of every kind that
# cannot be read: each is parked, alone, with a reason, and what stands beside it goes to Meta.

use strict;
use warnings FATAL => 'all';

use CrmCapi;
use PostgreSQL::Test::Utils;
use Runbook;
use Test::More;

my $crm = CrmCapi->new('unreadable', bare => 1);
my $node = $crm->node;
my $endpoint = $crm->endpoint;

# --- Planting

# A row of the log as an enqueue writes it, but for what is planted: columns as SQL.
sub row
{
	my (%planted) = @_;
	my %row = (
		event_time => 'now()', lead_id => 12345678901239999, dataset => '(SELECT min(number) FROM capi_dataset)',
		event_name => q('qualified'), user_data => 'NULL', custom_data => 'NULL', recheck => 'NULL',
		consent => 'NULL', %planted);
	return "INSERT INTO capi_event_log (id, enqueued_at, parked, " . join(', ', sort keys %row) . ")
		VALUES (nextval('capi_event_id'), now(), false, " . join(', ', map { $row{$_} } sort keys %row) . ");\n";
}

# Bytes where a jsonb is expected, and one whose byte at this place is another.
sub bytes { return "'\\x$_[0]'::bytea::jsonb"; }
sub damaged { return "set_byte('$_[0]'::jsonb::bytea, $_[1], $_[2])::jsonb"; }

# Name of the case, what is planted, and what becomes of it.
my @cases = (
	[ 'a stage with bytes that are no text', { event_name => q('\x7181'::bytea::text) }, 'event_unreadable' ],
	[ 'user_data with bytes that are no text', { user_data => damaged('{"a":"xyz"}', 14, 129) },
		'event_unreadable' ],
	[ 'custom_data with bytes that are no text', { custom_data => damaged('{"a":"xyz"}', 14, 129) },
		'event_unreadable' ],
	[ 'a key with bytes that are no text', { custom_data => damaged('{"a":"xyz"}', 12, 129) },
		'event_unreadable' ],
	[ 'nothing at all', { custom_data => bytes('') }, 'event_unreadable' ],
	[ 'a header alone', { custom_data => bytes('05000020') }, 'event_unreadable' ],
	[ 'more members than there are', { custom_data => damaged('{"a":"xyz"}', 0, 255) }, 'event_unreadable' ],
	[ 'millions of members', { custom_data => damaged('{"a":"xyz"}', 2, 255) }, 'event_unreadable' ],
	[ 'neither array nor object', { custom_data => damaged('{"a":"xyz"}', 3, 0) }, 'event_unreadable' ],
	[ 'a value that is longer than the row', { custom_data => damaged('{"a":"xyz"}', 9, 255) },
		'event_unreadable' ],
	[ 'a value of no kind', { custom_data => damaged('{"a":"xyz"}', 11, 0x70) }, 'event_unreadable' ],
	[ 'a number that is longer than the row', { custom_data => damaged('{"a":12}', 17, 255) },
		'event_unreadable' ],
	[ 'a number that is shorter than its header', { user_data => damaged('{"a":12}', 16, 20) }, 'event_unreadable' ],
	[ 'a list', { custom_data => q('["a"]') }, 'event_unreadable' ],
	[ 'a scalar', { user_data => q('7') }, 'event_unreadable' ],
	[ 'two megabytes', { custom_data => q(jsonb_build_object('a', repeat('x', 2000000))) }, 'event_unreadable' ],
	[ 'a damaged recheck', { recheck => damaged('{"first":true}', 0, 255) }, 'event_unreadable' ],
	[ 'a list as recheck', { recheck => q('["first"]') }, 'event_unreadable' ],
	[ 'a damaged consent', { consent => damaged('{"opt_out":true}', 0, 255) }, 'event_unreadable' ],
	[ 'a consent that Meta does not know', { consent => q('{"opt_out":"perhaps"}') }, 'event_unreadable' ],
	[ 'no stage', { event_name => 'NULL' }, 'stage_missing' ],
	[ 'an endless stage', { event_name => q(repeat('s', 10000)) }, 'stage_too_long' ],
	[ 'a stage of millions', { event_name => q(repeat('s', 3000000)) }, 'event_unreadable' ],
	[ 'a control character', { event_name => q(E'a\tb') }, 'stage_encoding' ],
	[ 'no time', { event_time => 'NULL' }, 'event_time_missing' ],
	[ 'the end of all time', { event_time => q('infinity') }, 'event_time_unreadable' ],
	[ 'the last second of the calendar', { event_time => q('294276-12-31 23:59:59+00') }, 'event_time_unreadable' ],
	[ 'the beginning of all time', { event_time => q('-infinity') }, 'event_time_unreadable' ],
	[ 'a time that is over', { event_time => q('4713-01-01 00:00:00 BC') }, 'deadline_passed' ],
	[ 'a short lead id', { lead_id => 5 }, 'lead_id_length' ],
	[ 'the largest lead id', { lead_id => '9223372036854775807' }, 'lead_id_length' ],
	[ 'a dataset that nobody has registered', { dataset => 4711 }, undef ],
	[ 'the smallest dataset', { dataset => '-2147483648' }, undef ],
	[ 'no dataset', { dataset => 'NULL' }, undef ]);

# The log of a server as it is from here on.
sub new_log { my $from = shift; return substr(slurp_file($node->logfile), $from); }

# --- In databases of several encodings

for my $encoding ('UTF8', 'SQL_ASCII', 'WIN1252', 'EUC_JP')
{
	my $database = lc "in_$encoding";
	$crm->sql("CREATE DATABASE $database TEMPLATE template0 ENCODING '$encoding' LC_COLLATE 'C' LC_CTYPE 'C'");
	$crm->sql('CREATE EXTENSION crm_capi', $database);
	$crm->create_dataset('sales', database => $database);
	$crm->create_crm(40, $database);
	$crm->sql(<<'SQL', $database);
CREATE CAST (bytea AS jsonb) WITHOUT FUNCTION;
CREATE CAST (jsonb AS bytea) WITHOUT FUNCTION;
CREATE CAST (bytea AS text) WITHOUT FUNCTION;
CREATE TABLE planted (number integer, event bigint);
SQL
	my $pid = $crm->shipper_pid($database);
	my $log = -s $node->logfile;
	$endpoint->forget;

	# A good one before, between and behind them.
	my $plant = '';
	my $number = 0;
	for my $case (@cases)
	{
		$number++;
		$plant .= "SELECT change($number);\n" . row(%{ $case->[1] })
		  . "INSERT INTO planted SELECT $number, last_value FROM capi_event_id;\n";
	}
	$crm->sql("BEGIN;\nTRUNCATE history;\n$plant SELECT change(40); COMMIT;", $database);
	my $waiting = grep { !defined $_->[2] } @cases;
	$crm->until_true("SELECT count(*) = $waiting FROM capi_owed", $database) or diag 'something is owed';
	is( $crm->sql(
			"SELECT string_agg(p.number || ' ' || coalesce(s.status || ' ' || s.reason_code, 'waits'), E'\\n'
			                   ORDER BY p.number)
			 FROM planted p LEFT JOIN capi_settlement s ON s.event = p.event", $database),
		join("\n", map {
			my $reason = $cases[$_][2];
			$_ + 1 . ' ' . (!defined $reason ? 'waits' : ($reason eq 'deadline_passed' ? 'expired ' : 'parked ') . $reason)
		} 0 .. $#cases),
		"$encoding: each is parked, alone, with its reason");
	$endpoint->wait_for('accepted', @cases + 1);
	is($endpoint->state->{accepted}, @cases + 1, "$encoding: what stands beside them is delivered, and nothing else");
	is($crm->shipper_pid($database), $pid, "$encoding: by the same shipper");
	is($crm->sql('SELECT count(deadline) < count(*) FROM capi_events', $database), 't', "$encoding: the views show them");
	my @lines = grep { /event \d+ is parked/ } split /\n/, new_log($log);
	is(scalar @lines, 1, "$encoding: the server log says it once") or diag join "\n", @lines;
	is( $crm->sql(
			"SELECT reason FROM capi_events WHERE id = (SELECT event FROM planted WHERE number = 2)", $database),
		'event cannot be read from the queue: user_data is not valid in the encoding of the database, or not in UTF-8',
		"$encoding: the reason names the column");
	$crm->sql("SELECT capi_retry(ARRAY(SELECT event FROM planted WHERE number = 2)); SELECT change(40)", $database);
	$endpoint->wait_for('accepted', @cases + 2);
	$crm->until_true(
		"SELECT status = 'parked' FROM capi_settlement WHERE event = (SELECT event FROM planted WHERE number = 2)",
		$database);
	is($crm->shipper_pid($database), $pid, "$encoding: owed again, it is parked again");
}

# --- The stage of such an event comes back

my $database = 'in_utf8';
my $sends = statement('event_unreadable', 'capi_send_lead_event') =~ s/dataset/'sales'/r
  =~ s/lead_id, event_name, event_time/fb_lead_id, status, changed_at/r;
carries_out('event_unreadable', 'brings the stage again');
$crm->sql("BEGIN; SELECT change(39);
	UPDATE capi_event_log SET custom_data = " . damaged('{"a":"xyz"}', 14, 129) . " WHERE id = (SELECT max(id) FROM capi_event_log);
	COMMIT", $database);
ok($crm->until_true("SELECT status = 'parked' AND reason_code = 'event_unreadable' FROM capi_settlement
	WHERE event = (SELECT max(id) FROM capi_event_log)", $database), 'an event is parked whose row is well');
$crm->sql("SELECT $sends FROM leads WHERE id = 39", $database);
ok($crm->until_true("SELECT event_name = 'stage 1' AND status = 'delivered' FROM capi_events
	WHERE lead_id = 12345678901230039 ORDER BY id DESC LIMIT 1", $database), 'sent as the runbook says its stage arrives');

# --- A TOAST table that is damaged

$node->append_conf('postgresql.conf', "shared_preload_libraries = ''\n");
$node->restart;
$endpoint->forget;
$crm->sql("TRUNCATE history, planted; SELECT change(1);
	ALTER TABLE capi_event_log ALTER COLUMN custom_data SET STORAGE EXTERNAL;
	" . row(custom_data => q(jsonb_build_object('a', repeat('x', 20000))))
	  . "INSERT INTO planted SELECT 1, last_value FROM capi_event_id; SELECT change(1)", $database);
my $file = $crm->sql("SELECT pg_relation_filepath(reltoastrelid) FROM pg_class WHERE relname = 'capi_event_log'",
	$database);
$node->append_conf('postgresql.conf', "shared_preload_libraries = 'crm_capi'\n");
$node->stop;
truncate($node->data_dir . "/$file", 0) or die "$file: $!";
$node->start;
$endpoint->wait_for('accepted', 2);
ok( $crm->until_true(
		"SELECT (status, reason_code) = ('parked', 'event_unreadable') FROM capi_settlement
		 WHERE event = (SELECT event FROM planted)", $database),
	'a value that its TOAST table has lost parks the event');
like($crm->sql('SELECT detail FROM capi_settlement WHERE event = (SELECT event FROM planted)', $database),
	qr/^custom_data raises SQLSTATE XX\w+$/, 'the reason names the column and the SQLSTATE');
my $pid = $crm->shipper_pid($database);
$crm->sql('SELECT change(1)', $database);
$endpoint->wait_for('accepted', 3);
is($crm->shipper_pid($database), $pid, 'the shipper goes on');

done_testing();
