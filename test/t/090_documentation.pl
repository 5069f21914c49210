# Every SQL example of README.md and docs/: page by page, in the order of the page, in a database of
# the page's own. A page that does not create the extension goes on where the first example of the
# README ends. Examples stand there as a reader would type them; what they would send to Meta goes to
# the stand-in, because event triggers give each new dataset its address.

use strict;
use warnings FATAL => 'all';

use CrmCapi;
use Documentation;
use File::Path qw(make_path);
use IPC::Run;
use PostgreSQL::Test::Utils;
use Test::More;

# Should a dataset escape us, its requests end at a proxy that does not exist.
$ENV{https_proxy} = 'http://127.0.0.1:9';

# No token and no dataset is named, so any will do.
my $crm = CrmCapi->new('documentation', bare => 1, endpoint => ['--tls']);
my $node = $crm->node;
my $directory = PostgreSQL::Test::Utils::tempdir();

my $redirection = do
{
	my ($url, $ca_file) = ($crm->endpoint->url, $crm->endpoint->ca_file);
	<<"SQL" };
CREATE SCHEMA documentation;
CREATE FUNCTION documentation.redirect() RETURNS event_trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS \$\$
DECLARE
    made record;
BEGIN
    FOR made IN
        SELECT s.srvname, m.umid, u.umoptions,
               CASE WHEN m.umid IS NULL THEN '' ELSE coalesce(m.usename, 'PUBLIC') END AS mapped
        FROM pg_event_trigger_ddl_commands() c
             LEFT JOIN pg_user_mappings m ON c.classid = 'pg_user_mapping'::regclass AND m.umid = c.objid
             LEFT JOIN pg_user_mapping u ON u.oid = m.umid
             JOIN pg_foreign_server s ON s.oid = coalesce(m.srvid, c.objid)
             JOIN pg_foreign_data_wrapper w ON w.oid = s.srvfdw AND w.fdwname = 'crm_capi'
        WHERE m.umid IS NOT NULL AND array_to_string(u.umoptions, ' ') LIKE '%access_token=%...%'
           OR m.umid IS NULL AND array_to_string(s.srvoptions, ' ') NOT LIKE '%endpoint=%'
    LOOP
        IF made.umid IS NULL THEN
            EXECUTE format('ALTER SERVER %I OPTIONS (ADD endpoint %L, ADD ca_file %L)',
                           made.srvname, '$url', '$ca_file');
        ELSE
            EXECUTE format('ALTER USER MAPPING FOR %s SERVER %I OPTIONS (SET access_token %L)',
                           made.mapped, made.srvname, 'EAABdocumentation');
        END IF;
    END LOOP;
END \$\$;
CREATE EVENT TRIGGER redirect ON ddl_command_end
    WHEN tag IN ('CREATE SERVER', 'CREATE USER MAPPING', 'ALTER USER MAPPING')
    EXECUTE FUNCTION documentation.redirect();
SQL

my @databases;
my $database;

sub enter_new_database
{
	$database = 'documentation' . (@databases + 1);
	push @databases, $database;
	$crm->sql("CREATE DATABASE $database");
	$crm->sql($redirection, $database);
	return;
}

# What a page has made outside its databases goes with it.
sub leave_page
{
	my $databases = join '', map { "DROP DATABASE $_ WITH (FORCE);\n" } splice @databases;
	$crm->sql(<<"SQL");
$databases
ALTER SYSTEM RESET ALL;
SELECT pg_reload_conf();
SELECT format('DROP ROLE %I', rolname) FROM pg_roles WHERE oid >= 16384 \\gexec
SQL
	return;
}

# Runs SQL as it stands at that line of that page; returns what psql complained of. The file that
# psql reads is as long as the page, so that psql itself names the line.
sub run_sql
{
	my ($page, $line, $sql, @options) = @_;
	my $file = "$directory/$page";
	my $stand_in = $crm->endpoint->directory;
	my ($stdout, $stderr);
	$sql =~ s{/tmp/meta\b}{$stand_in}g;
	make_path($1) if $file =~ m{^(.*)/};
	open my $handle, '>', $file or die "$file: $!";
	print $handle "\n" x ($line - 1), $sql;
	close $handle;
	IPC::Run::run(
		[ 'psql', '-XqAt', '-v', 'ON_ERROR_STOP=1', @options, '-d', $node->connstr($database), '-f', $file ],
		'<', \undef, '>', \$stdout, '2>', \$stderr);
	my $ended_well = $? == 0;
	$stderr =~ s{psql:\Q$directory\E/}{}g;
	return $ended_well ? '' : $stderr;
}

sub run_block
{
	my ($page, $step) = @_;
	my ($line, $text) = @$step{qw(line text)};
	if ($step->{error})
	{
		my $complaint = run_sql($page, $line, $text, '-v', 'VERBOSITY=verbose');
		return like($complaint, qr/ERROR:  $step->{error}:/, "$page:$line fails with $step->{error}");
	}
	return is(run_sql($page, $line, $text), '', "$page:$line");
}

sub take_step
{
	my ($page, $step) = @_;
	my ($kind, $line, $text) = @$step{qw(kind line text)};
	if ($kind eq 'new database')
	{
		enter_new_database();
	}
	elsif ($kind eq 'setup')
	{
		my $complaint = run_sql($page, $line, $text);
		is($complaint, '', "$page:$line, set-up") if $complaint ne '';
	}
	elsif ($kind eq 'wait until')
	{
		ok($crm->until_true($text, $database), "$page:$line, it comes to pass");
	}
	else
	{
	  SKIP:
		{
			skip "$page:$line $step->{skip}", 1 if $step->{skip};
			run_block($page, $step);
		}
	}
	return;
}

# --- The reader of pages

my @steps = Documentation::steps('sample.md', <<'END');
```sql
SELECT 1;
```
<!-- setup:
CREATE TABLE a ();
-->
```sh
<!-- not a marker -->
```
<!-- error: 22012 -->
```sql
SELECT 1 / 0;
```
END
is_deeply(
	\@steps,
	[
		{ kind => 'block', line => 2, text => "SELECT 1;\n" },
		{ kind => 'setup', line => 4, text => "\nCREATE TABLE a ();\n" },
		{ kind => 'block', line => 12, text => "SELECT 1 / 0;\n", error => '22012' }
	],
	'blocks of sql and markers are found, each with its line');
ok(!eval { Documentation::steps('sample.md', "<!-- setpu: SELECT 1 -->\n"); 1 },
	'a marker with a slip is not passed over');
like($@, qr/^sample\.md:1:/, 'and its page and line are told');
ok(!eval { Documentation::steps('sample.md', "<!-- not run: so -->\n```sh\n```\n"); 1 },
	'nor is a marker that belongs to no block');

enter_new_database();
like(run_sql('docs/sample.md', 7, "SELECT 1;\nSELECT 1 / 0;\n"),
	qr{^docs/sample\.md:8: ERROR:  division by zero}, 'an example that fails is named by page and line');
leave_page();

# --- The pages

my ($first_example) = grep { $_->{kind} eq 'block' } Documentation::steps_of_page('README.md');
my $blocks = 0;
for my $page (Documentation::pages())
{
	my @steps_of_page = Documentation::steps_of_page($page);
	next unless grep { $_->{kind} eq 'block' } @steps_of_page;
	enter_new_database();
	$crm->sql($first_example->{text}, $database)
	  unless grep { ($_->{text} // '') =~ /CREATE EXTENSION/ } @steps_of_page;
	take_step($page, $_) for @steps_of_page;
	leave_page();
	$blocks += grep { $_->{kind} eq 'block' } @steps_of_page;
}
cmp_ok($blocks, '>=', 20, 'examples were found');

done_testing();
