# What the pages list of the database's objects is what the catalog has: who may execute what, the columns
# of the views, the tables with what they hold. A list that has gone stale is worse than none.

use strict;
use warnings FATAL => 'all';

use CrmCapi;
use Documentation;
use PostgreSQL::Test::Utils;
use Test::More;

my $crm = CrmCapi->new('documented_names', bare => 1);
$crm->sql('CREATE EXTENSION crm_capi');

# One line for each, in the order of the alphabet.
sub sorted { return join "\n", sort @_; }

# Names of members of the extension.
sub members
{
	my ($catalog, $name, $condition) = @_;
	return split /\n/, $crm->sql(
		"SELECT DISTINCT m.$name FROM pg_depend d JOIN $catalog m ON m.oid = d.objid
		 WHERE d.classid = '$catalog'::regclass AND d.deptype = 'e' AND $condition
		       AND d.refobjid = (SELECT oid FROM pg_extension WHERE extname = 'crm_capi')");
}

# Rows of the first table behind that heading of a page, each an array of its cells.
sub table_behind
{
	my ($page, $heading) = @_;
	my ($behind) = Documentation::text_of_page($page) =~ /^#+ \Q$heading\E\n(.*)/ms
	  or die "$page: there is no heading $heading";
	my ($head, $rows) = $behind =~ /^(\|[^\n]*\n\|[-|]+\n)((?:\|[^\n]*\n)+)/m
	  or die "$page: there is no table behind $heading";
	my @rows;
	for my $row (split /\n/, $rows)
	{
		my (undef, @cells) = split /\|/, $row;
		push @rows, \@cells;
	}
	return @rows;
}

# What stands in backquotes in a cell.
sub quoted { return map { /`(\w+)`/g } @_; }

# --- Functions

my $for_all = "has_function_privilege('public', m.oid, 'EXECUTE')";
is( sorted(quoted(map { $_->[0] } table_behind('docs/privileges-and-secrets.md', 'Who may do what'))),
	sorted(members('pg_proc', 'proname', $for_all)),
	'the page of privileges lists what PUBLIC may execute, and nothing else');
my $reference = Documentation::text_of_page('docs/reference.md');
is(sorted(grep { $reference !~ /`$_[`(]/ } members('pg_proc', 'proname', 'true')),
	'', 'the reference names every function');

# --- Columns

sub columns
{
	my ($view) = @_;
	return $crm->sql(
		"SELECT string_agg(attname, ' ' ORDER BY attnum) FROM pg_attribute WHERE attrelid = '$view'::regclass AND attnum > 0"
	);
}

my %views = map { (quoted($_->[0]))[0] => $_->[2] } table_behind('docs/reference.md', 'Views');
is(sorted(keys %views), sorted(members('pg_class', 'relname', "m.relkind = 'v'")), 'the reference lists every view');
is(columns('capi_undelivered'), columns('capi_events'), 'capi_undelivered has the columns of capi_events');
for my $view (grep { $_ ne 'capi_undelivered' } sort keys %views)
{
	my ($list) = split /;/, $views{$view};
	is(join(' ', quoted($list)), columns($view), "and the columns of $view");
}
is(join(' ', quoted(map { $_->[0] } table_behind('docs/monitoring.md', 'The views'))),
	columns('capi_stage_coverage'), 'the page of monitoring explains each column of the funnel');

# --- Tables

for my $place ([ 'docs/retention.md', 'What is kept' ], [ 'docs/privacy.md', 'What is stored' ])
{
	is( sorted(quoted(map { $_->[0] } table_behind(@$place))),
		sorted(members('pg_class', 'relname', "m.relkind = 'r' AND m.relname !~ '^capi_dumped_'")),
		"$place->[0] tells of every table in which something lies");
}

done_testing();
