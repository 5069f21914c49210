# Documentation.pm - the pages of the documentation, and their SQL examples as steps that a test can take.
#
# A step is a block of sql, or a comment that begins a line of the page's source:
#
#     <!-- setup: SQL -->          is run where it stands, and the reader does not see it
#     <!-- wait until: QUERY -->   goes on when the query says t
#     <!-- new database -->        what follows belongs in a database of its own
#     <!-- error: SQLSTATE -->     the next block must fail with it
#     <!-- not run: REASON -->     the next block cannot be run; to be used seldom
#
# Any other comment is a fault of the page: a marker with a slip in it would go unnoticed.
package Documentation;

use strict;
use warnings FATAL => 'all';

use File::Basename qw(dirname);
use File::Spec;
use PostgreSQL::Test::Utils;

my $root = File::Spec->rel2abs(dirname(__FILE__) . '/../..');

# Pages by the names under which a reader knows them.
sub pages
{
	return map { File::Spec->abs2rel($_, $root) } "$root/README.md", sort glob("$root/docs/*.md");
}

sub text_of_page
{
	my ($page) = @_;
	return slurp_file("$root/$page");
}

sub steps_of_page
{
	my ($page) = @_;
	return steps($page, text_of_page($page));
}

# Steps of a page: { kind, line, text }, a block also with { error } or { skip } if it is so marked.
sub steps
{
	my ($page, $markdown) = @_;
	my (@steps, %marks);
	for my $part (parts($markdown))
	{
		my ($kind, $line, $text) = @$part{qw(kind line text)};
		if ($kind eq 'block' && $part->{language} eq 'sql')
		{
			push @steps, { kind => 'block', line => $line, text => $text, %marks };
			%marks = ();
		}
		elsif ($kind eq 'comment')
		{
			if ($text =~ /^(error|not run):\s*(\S.*)/s)
			{
				$marks{ $1 eq 'error' ? 'error' : 'skip' } = $2;
			}
			elsif ($text =~ /^(setup|wait until):(.*)/s)
			{
				push @steps, { kind => $1, line => $line, text => $2 };
			}
			elsif ($text eq 'new database')
			{
				push @steps, { kind => $text, line => $line };
			}
			else
			{
				die "$page:$line: no such marker: $text\n";
			}
		}
	}
	die "$page: the last marker is followed by no block of sql\n" if %marks;
	return @steps;
}

# Fenced blocks and comments of a page, each with the line at which its text begins.
sub parts
{
	my ($markdown) = @_;
	my (@parts, $open, $end);
	my $number = 0;
	for my $line (split /^/, $markdown)
	{
		$number++;
		if ($open && $line =~ $end)
		{
			$open->{text} .= $1;
			push @parts, $open;
			undef $open;
		}
		elsif ($open)
		{
			$open->{text} .= $line;
		}
		elsif ($line =~ /^```(\w*)/)
		{
			$open = { kind => 'block', language => $1, line => $number + 1, text => '' };
			$end = qr/^()```\s*$/;
		}
		elsif ($line =~ /^<!--\s*(.*?)(\s*-->)?\s*$/)
		{
			my $comment = { kind => 'comment', line => $number, text => $1 };
			$end = qr/^(.*?)\s*-->\s*$/;
			if ($2) { push @parts, $comment; }
			else { $comment->{text} .= "\n"; $open = $comment; }
		}
	}
	die "a block or comment does not end\n" if $open;
	return @parts;
}

1;
