# Query.pm - asks a server one question, in a session of its own, without starting psql for it: that
# takes longer than the session. What psql -At would print is returned.
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

# What it says, or undef and the error. It is one statement, and sent as it is.
sub ask
{
	my ($session, $query) = @_;
	my $statement = $session->prepare($query, { pg_direct => 1 });
	return (undef, $session->errstr) unless $statement && $statement->execute;
	return ('', undef) unless $statement->{NUM_OF_FIELDS};
	my $rows = $statement->fetchall_arrayref;
	return (undef, $session->errstr) if $statement->err;
	return (join("\n", map { join '|', map { $_ // '' } @$_ } @$rows), undef);
}

1;
