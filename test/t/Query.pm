# Query.pm - tells or asks a server something in a session of its own, without starting psql for it:
# that takes longer than the session. What psql -At would print is returned.
package Query;

use strict;
use warnings FATAL => 'all';

use DBI;

# A session, or undef and the error.
sub connect
{
	my ($connection_string) = @_;
	my $session = DBI->connect(
		"dbi:Pg:$connection_string",
		'', '',
		{
			AutoCommit => 1,
			PrintError => 0,
			RaiseError => 0,
			PrintWarn => 0,
			pg_bool_tf => 1,
			pg_enable_utf8 => 0,
			pg_expand_array => 0
		});
	return ($session, DBI->errstr);
}

# A part of a statement in which a semicolon ends nothing, or none at all.
my $PART = qr/E'(?:\\.|''|[^'\\]++)*+'|'(?:''|[^']++)*+'|"[^"]*+"|\$(?<tag>\w*)\$.*?\$\k<tag>\$
	|--[^\n]*+|\/\*.*?\*\/|[^;'"\$\/E-]++|[^;]/xs;

# Whether only psql can take the script: it has commands or data for psql, or semicolons within a
# statement that no quotes enclose.
sub needs_psql
{
	my ($script) = @_;
	return $script =~ /^\s*\\|\\g|\bCOPY\b.*\bSTDIN\b|\bATOMIC\b|\bCREATE (?:OR REPLACE )?RULE\b/ms;
}

# Its statements, as psql would send them.
sub statements
{
	my ($script) = @_;
	my @statements;
	push @statements, $1 while $script =~ /\G((?:$PART)*+)(?:;|(?<=.)\z)/gcs;
	return grep { s/--[^\n]*|\/\*.*?\*\///gsr =~ /\S/ } @statements;
}

# The lines that it prints, or undef and the error. It is one statement, and sent as it is.
sub lines_of
{
	my ($session, $query) = @_;
	my $statement = $session->prepare($query, { pg_direct => 1 });
	return (undef, $session->errstr) unless $statement && $statement->execute;
	return ([], undef) unless $statement->{NUM_OF_FIELDS};
	my $rows = $statement->fetchall_arrayref;
	return (undef, $session->errstr) if $statement->err;
	return ([ map { join '|', map { $_ // '' } @$_ } @$rows ], undef);
}

# What it says, or undef and the error. Each statement is sent alone; the first error is the last one.
sub ask
{
	my ($session, $script) = @_;
	my @all;
	for my $query (statements($script))
	{
		my ($lines, $error) = lines_of($session, $query);
		return (undef, $error) unless $lines;
		push @all, @$lines;
	}
	return (join("\n", @all), undef);
}

1;
