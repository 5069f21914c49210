# Query.pm - tells or asks a server something, without starting psql for it. What psql -At would print is
# returned.
#
# A session that has only read and written rows is kept for the next call: to begin and end one takes
# longer than most statements. Everything else has a session of its own, and those after it begin anew.
package Query;

use strict;
use warnings FATAL => 'all';

use DBI;
use PostgreSQL::Test::Cluster;

my %kept; # sessions, by connection string

# A session, or undef and the error.
sub begin_session
{
	my ($connection_string) = @_;
	my $session = DBI->connect(
		"dbi:Pg:$connection_string",
		'', '',
		{
			AutoCommit => 1,
			AutoInactiveDestroy => 1,
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

# Whether a session is after the script as it was before, and no other one need learn of it.
sub leaves_no_trace
{
	my ($script) = @_;
	return $script !~ /\b(?:set_config|pg_reload_conf|pg_advisory\w*|pg_terminate_backend)\b/
	  && !grep { !/^\s*(?:SELECT|INSERT|UPDATE|DELETE|WITH|VALUES|COPY)\b/ } statements($script);
}

# A session that is kept, or undef and the error.
sub kept_session
{
	my ($connection_string) = @_;
	my $session = delete $kept{$connection_string};
	return ($session, undef) if $session && $session->ping;
	return begin_session($connection_string);
}

sub end_kept
{
	$_->disconnect for values %kept;
	%kept = ();
	return;
}

# What the server that the connection string names says to the script, or undef and the error.
sub run
{
	my ($connection_string, $script) = @_;
	my $is_kept = leaves_no_trace($script);
	end_kept() unless $is_kept;
	my ($session, $error) = kept_session($connection_string);
	return (undef, $error) unless $session;
	my $answer;
	($answer, $error) = ask($session, $script);
	if ($is_kept && defined $answer) { $kept{$connection_string} = $session }
	else { $session->disconnect }
	return ($answer, $error);
}

# Who does something to a server by other means may want it, or a database, for himself, or changes what
# sessions begin with.
for my $method (qw(stop restart reload psql background_psql run_log command_ok command_like command_fails_like))
{
	my $original = PostgreSQL::Test::Cluster->can($method);
	no strict 'refs';
	no warnings 'redefine';
	*{"PostgreSQL::Test::Cluster::$method"} = sub { end_kept(); goto &$original };
}

1;
