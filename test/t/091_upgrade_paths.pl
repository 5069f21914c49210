# Every way from an older version of the extension to this one: afterwards its objects are those of a
# fresh install, and the queue goes on where it was.
#
# What a tag had is what its scripts in sql/ still are: lint holds them against test/released.sha256. Until there is
# an older version, the walk is proved with versions that are made for it.

use strict;
use warnings FATAL => 'all';

use Catalogue;
use CrmCapi;
use PostgreSQL::Test::Utils;
use Test::More;

my $crm = CrmCapi->new('upgrade', bare => 1);
my $node = $crm->node;

my $share = $crm->sql("SELECT setting FROM pg_config WHERE name = 'SHAREDIR'") . '/extension';
my $version = $crm->sql(
	"SELECT default_version FROM pg_available_extensions WHERE name = 'crm_capi'");
my @made;

sub write_script
{
	my ($name, $text) = @_;
	push @made, "$share/crm_capi--$name.sql";
	open my $file, '>', $made[-1] or die "$made[-1]: $!";
	print $file $text;
	close $file;
	return;
}

# Even if the test dies: the folder is the server's.
END { unlink @made; }

# Ways to this version that begin with a version which can be installed, as lists of versions.
sub ways
{
	return map { [ split /--/ ] } split /\n/, $crm->sql(<<"SQL");
SELECT p.path
FROM pg_extension_update_paths('crm_capi') p
     JOIN pg_available_extension_versions v ON v.name = 'crm_capi' AND v.version = p.source
WHERE p.target = '$version' AND p.path IS NOT NULL
      AND EXISTS (SELECT FROM pg_ls_dir('$share') f WHERE f = 'crm_capi--' || p.source || '.sql')
ORDER BY 1
SQL
}

# What the walk leads to, step by step, in a database that is used meanwhile.
sub walk
{
	my ($database, @versions) = @_;
	my $first = shift @versions;
	$crm->sql("CREATE DATABASE $database");
	$crm->sql("CREATE EXTENSION crm_capi VERSION '$first'", $database);
	$crm->create_dataset('sales', database => $database);
	$crm->create_crm(5, $database);
	$crm->sql("SELECT change(i) FROM generate_series(1, 5) i", $database);
	$crm->sql("ALTER EXTENSION crm_capi UPDATE TO '$_'", $database) for @versions;
	$crm->sql("SELECT change(i) FROM generate_series(1, 5) i", $database);
	return describe($database);
}

sub describe { return $crm->sql(Catalogue::query(), $_[0]); }

# Test: the way ends at what is expected, and what was changed on it has arrived.
sub walk_ends_as
{
	my ($expected, $database, @versions) = @_;
	my $way = join ' to ', @versions;
	$crm->endpoint->forget;
	is(Catalogue::difference($expected, walk($database, @versions)),
		'', "$way: the objects are those of a fresh install");
	$crm->arrived_as_committed("$way: the queue goes on", database => $database);
	return;
}

$crm->sql('CREATE DATABASE fresh');
$crm->sql('CREATE EXTENSION crm_capi', 'fresh');
my $fresh = describe('fresh');

# --- The ways of this release

my $count = 0;
walk_ends_as($fresh, 'way' . ++$count, @$_) for ways();
note "$count ways to $version";

# --- The comparison sees what an upgrade script may forget

sub seen_after
{
	my ($change) = @_;
	my $changed = $crm->sql("BEGIN; $change; " . Catalogue::query() . '; ROLLBACK', 'fresh');
	return ok(Catalogue::difference($fresh, $changed) ne '', "seen: $change");
}

is(Catalogue::difference($fresh, describe('fresh')), '', 'an install equals itself');
seen_after($_)
  for (
	"COMMENT ON VIEW capi_status IS 'other'",
	"COMMENT ON COLUMN capi_cursor.position IS 'other'",
	'GRANT EXECUTE ON FUNCTION capi_payload(bigint) TO PUBLIC',
	'GRANT SELECT ON capi_events TO PUBLIC',
	'ALTER FUNCTION capi_pause(name) SECURITY INVOKER',
	'ALTER FUNCTION capi_pause(name) RESET search_path',
	'ALTER TABLE capi_dataset ALTER health SET DEFAULT 0',
	'ALTER TABLE capi_dataset ALTER health DROP NOT NULL',
	'ALTER TABLE capi_cursor RESET (fillfactor)',
	'ALTER TABLE capi_event_log ADD extra integer',
	'DROP INDEX capi_request_log_in_doubt',
	'ALTER TABLE capi_cursor DROP CONSTRAINT capi_cursor_only_row_check',
	'ALTER SEQUENCE capi_event_id CACHE 10',
	'ALTER EXTENSION crm_capi DROP FUNCTION capi_wake()',
	"UPDATE pg_extension SET extconfig = extconfig[2:], extcondition = extcondition[2:] WHERE extname = 'crm_capi'");

# --- The walk, with versions made for it

SKIP:
{
	skip "$share cannot be written to", 6 unless -w $share;

	my $install = slurp_file("$share/crm_capi--$version.sql");
	my $older = "$install\nCREATE FUNCTION capi_old() RETURNS integer LANGUAGE sql AS 'SELECT 1';\n"
	  . "COMMENT ON VIEW capi_status IS 'old';\n";
	my ($comment) = $install =~ /^(COMMENT ON VIEW capi_status IS\s.*?';\n)/ms
	  or die 'capi_status has no comment';
	write_script('0.0.1', $older);
	write_script('0.0.1--0.0.2', "DROP FUNCTION capi_old();\n");
	write_script("0.0.2--$version", $comment);
	my @ways = grep { $_->[0] eq '0.0.1' } ways();
	is_deeply(\@ways, [ [ '0.0.1', '0.0.2', $version ] ], 'a way of two steps is found');
	walk_ends_as($fresh, 'made', @{ $ways[0] });

	write_script("0.0.2--$version", "SELECT 1;\n");
	like(Catalogue::difference($fresh, walk('forgetful', @{ $ways[0] })),
		qr/^- view .*capi_status, comment: .*\n\+ .*capi_status, comment: old$/,
		'a step that forgets something is found out');
}

done_testing();
