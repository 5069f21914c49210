# Runbook.pm - the entries of the runbook, which tests carry out: docs/operations.md has a section for each
# situation, alert and reason code, docs/doctor.md one for each check.
#
# A test says carries_out('entry') where it makes the situation of an entry and does what the entry prescribes, in
# the entry's own words where these are SQL: statement() and examples() take them from the page. An entry whose list
# begins its items with a name, or numbers them, is carried out item by item: 'A disk is full: The write-ahead log'.
# 094_runbook.pl fails when an entry is carried out nowhere.
package Runbook;

use strict;
use warnings FATAL => 'all';

use Documentation;
use Exporter 'import';
use File::Basename qw(dirname);
use PostgreSQL::Test::Utils;

our @EXPORT = qw(carries_out statement);

my $folder = dirname(__FILE__);

# Chapters that only hold sections.
my %is_chapter = map { $_ => 1 } 'Alerts', 'Reason codes', 'The server', 'A dataset', 'The funnel', 'A watch';
my %texts;
read_page('docs/operations.md', '', qr/./);
read_page('docs/doctor.md', 'check ', qr/^(?:The server|A dataset|The funnel|A watch)$/);

# The entries of a page, in the chapters of those names: a section of the third level is `prefix` and its name.
sub read_page
{
	my ($page, $prefix, $chapters) = @_;
	my ($chapter, $entry) = ('');
	for my $line (split /^/, Documentation::text_of_page($page))
	{
		if ($line =~ /^## (.*)$/)
		{
			$chapter = $1 =~ tr/`//dr;
			$entry = $is_chapter{$chapter} ? undef : $chapter;
		}
		elsif ($line =~ /^### (.*)$/) { $entry = $prefix . $1 =~ tr/`//dr; }
		$texts{$entry} .= $line if defined $entry && $chapter =~ $chapters;
	}
	return;
}

# The names of the items of an entry, if it is a list of situations.
sub items
{
	my ($text) = @_;
	return map { tr/\n/ /r =~ s/[.:]$//r } grep { defined } $text =~ /^(?:-|\d+\.) \*+([^*]+)\*|^(\d+)\. (?!\*)/mg;
}

# All that is to be carried out.
sub entries
{
	return sort map {
		my $entry = $_;
		my @items = items($texts{$entry});
		@items ? map { "$entry: $_" } @items : $entry;
	} keys %texts;
}

# Entries that tests say they carry out: entry => file.
sub carried_out
{
	my %files;
	for my $file (glob "$folder/*.pl")
	{
		my $source = slurp_file($file) =~ s/^\s*#.*$//mgr;
		$files{$1} = $file while $source =~ /\bcarries_out\(\s*'([^'\n]+)'/g;
	}
	return %files;
}

sub text
{
	my ($entry) = @_;
	my ($section, $item) = $entry =~ /^(.*?)(?:: (.*))?$/;
	my $text = $texts{$section} // die "the runbook has no entry $section";
	die "$section has no item $item" if defined $item && !grep { $_ eq $item } items($text);
	return $text;
}

# The examples of SQL in an entry, as they stand there.
sub examples
{
	my ($entry) = @_;
	return join '', text($entry) =~ /^```sql\n(.*?)^```$/gms;
}

# A statement or a part of one that stands in the text of an entry, with what it leaves open filled in.
sub statement
{
	my ($entry, $begin, @open) = @_;
	my ($sql) = text($entry) =~ /`(\Q$begin\E[^`]*)`/ or die "$entry does not prescribe $begin";
	for my $fill (@open) { $sql =~ s/\.\.\./$fill/ or die "$entry: nothing is left open for $fill"; }
	return $sql =~ tr/\n/ /r;
}

# Says that the entry is carried out here, and returns its name. What the test relies on must stand there: $promises.
sub carries_out
{
	my ($entry, @promises) = @_;
	my $text = text($entry) =~ s/\s+/ /gr;
	for my $promise (@promises) { die "$entry does not say: $promise" unless index($text, $promise) >= 0; }
	return $entry;
}

1;
