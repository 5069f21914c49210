# Plain identities never reach the disk: not a heap, not the write-ahead log with its page images, not
# a file of a transaction that was rolled back, and not the server's log.

use strict;
use warnings FATAL => 'all';

use CrmCapi;
use File::Find;
use PostgreSQL::Test::Utils;
use Test::More;

# Page images are not compressed, so that what is in them can be found.
my $crm = CrmCapi->new('plain_values', conf => "full_page_writes = on\nwal_compression = off\n"
	  . "wal_keep_size = 1GB\nlog_min_messages = debug1\nlog_min_error_statement = panic\n");
my $node = $crm->node;

# Seen nowhere else, in the form that is given and in the one that is hashed.
my @plain = (
	'Quixotry.Zugzwang@Example.com', 'quixotry.zugzwang@example.com', '030 9018204711', '309018204711',
	'Xylophanes', 'xylophanes', 'Krautergersheim', 'krautergersheim', 'customer-zq-8841', '19610213');
my $user_data = q({"em": "Quixotry.Zugzwang@Example.com", "ph": "030 9018204711", "fn": "Xylophanes",
	"ct": "Krautergersheim", "external_id": "customer-zq-8841", "db": "13.02.1961"});
my $control = 'control.value@example.org';
my $hash = $crm->sql("SELECT capi_hash('em', '$plain[0]')");
$crm->sql("ALTER SERVER sales OPTIONS (ADD default_country 'DE')");

# Which files of the server's folder hold a text. Read in pieces that overlap: a segment of the
# write-ahead log has 16 megabytes.
sub files_with
{
	my ($text) = @_;
	my @found;
	find({ no_chdir => 1, wanted => sub {
		return unless -f $_;
		push @found, $File::Find::name if index(slurp_file($_), $text) >= 0;
	} }, $node->data_dir);
	return @found;
}

# A new page image after a checkpoint, an event with its lead id and one without, one whose
# transaction and one whose savepoint is undone, one that is refused, and one prepared.
$crm->sql('CHECKPOINT');
$crm->sql("SELECT capi_send_lead_event(12345678901234567, 'first', user_data => '$user_data')");
$crm->sql("SELECT capi_send_lead_event(NULL, 'second', user_data => '$user_data')");
$crm->sql("BEGIN; SELECT capi_send_lead_event(NULL, 'undone', user_data => '$user_data'); ROLLBACK");
$crm->sql("BEGIN; SAVEPOINT s;
           SELECT capi_send_lead_event(NULL, 'undone too', user_data => '$user_data');
           ROLLBACK TO s; SELECT capi_send_lead_event(NULL, 'kept', user_data => '$user_data'); COMMIT");
my ($status) = $node->psql('postgres',
	"SELECT capi_send_lead_event(NULL, 'refused', user_data => '$user_data'::jsonb || '{\"zp\": \"-1\"}')");
isnt($status, 0, 'an unusable identity is refused');
$crm->sql("SELECT capi_normalize(k, v), capi_hash(k, v) FROM jsonb_each_text('$user_data') AS e(k, v)");
$crm->until_true("SELECT count(*) = 3 FROM capi_events WHERE status = 'delivered'");

# What Meta got, beside what the log holds.
my @events = map { $_->{event} } $crm->endpoint->accepted;
is(scalar(@events), 3, 'three events arrived');
is($_->{user_data}{em}, $hash, "$_->{event_name} has the hash of the address") for @events;

# A watch makes the values out of columns that hold only parts of them, so that the CRM's own table is
# no place to find them in.
$crm->sql(q{
	CREATE TABLE parts (id bigint PRIMARY KEY, stage text, a text, b text);
	SELECT capi_watch('parts', 'id', 'stage', user_data => '{
	    "em": "NEW.a || NEW.b || ''example.com''", "fn": "upper(NEW.a) || lower(NEW.b)"}')});
$crm->sql(q{INSERT INTO parts VALUES (12345678901234568, 'watched', 'quixotic.', 'Quirk@')});
$crm->sql(
	q{BEGIN; INSERT INTO parts VALUES (12345678901234569, 'undone', 'quixotic.', 'Quirk@'); ROLLBACK});
$crm->until_true("SELECT count(*) = 4 FROM capi_events WHERE status = 'delivered'");
my ($watched) = grep { $_->{event_name} eq 'watched' } map { $_->{event} } $crm->endpoint->accepted;
is($watched->{user_data}{em}, $crm->sql(q{SELECT capi_hash('em', 'quixotic.quirk@example.com')}),
	'the event of a watch has the hash of what its expression made');
push @plain, 'quixotic.Quirk@', 'quixotic.quirk@', 'QUIXOTIC.quirk', 'quixoticquirk';

# The CRM's own table is the counter-proof: a search that finds nothing there would prove nothing. More
# than one row, because the end of a page of the write-ahead log can lie within a value.
$crm->sql('CREATE TABLE contacts (email text)');
$crm->sql("INSERT INTO contacts SELECT '$control' FROM generate_series(1, 3)");
$crm->sql('CHECKPOINT');
$node->stop('fast');

my @found = files_with($control);
ok((grep { m{/base/} } @found), 'a plain value in a table of the CRM is found in a heap');
ok((grep { m{/pg_wal/} } @found), '... and in the write-ahead log');
my @hashed = files_with($hash);
ok((grep { m{/base/} } @hashed), 'the hash is found in a heap');
ok((grep { m{/pg_wal/} } @hashed), '... and in the write-ahead log');

my $log = slurp_file($node->logfile);
for my $value (@plain)
{
	is(join(' ', files_with($value)), '', "\"$value\" is in no file of the server");
	unlike($log, qr/\Q$value\E/, '... nor in its log');
}

done_testing();
