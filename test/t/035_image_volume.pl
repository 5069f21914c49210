# What the Dockerfile puts into an image volume, without a container: the files lie where CloudNativePG expects
# them, with the libraries that a server's image lacks; and a server of PostgreSQL 18 that knows the extension
# from nowhere else, and may not write to it, sends an event.

use strict;
use warnings FATAL => 'all';

use CrmCapi;
use File::Basename qw(dirname);
use File::Find;
use File::Spec;
use PostgreSQL::Test::Utils;
use Test::More;

my $root = File::Spec->rel2abs(dirname(__FILE__) . '/../..');
my $volume = PostgreSQL::Test::Utils::tempdir() . '/volume';

# Even if the test dies: what nobody may write to, nobody can clean up.
END
{
	local $?;
	system('chmod', '-R', 'u+w', $volume) if -d $volume;
}

# --- What the Dockerfile installs is what a build needs

my $dockerfile = slurp_file("$root/Dockerfile");
my ($needed) = slurp_file("$root/test/setup.sh") =~ /^PACKAGES_BUILD='([^']+)'/m or die 'no packages of a build';
is(join(' ', grep { $dockerfile !~ /\s\Q$_\E\s/ } split /\s+/, $needed),
	'', 'the Dockerfile installs all that a build needs');
like($dockerfile, qr/^    && make with_llvm=no volume VOLUME=\/volume LIBRARIES=\/libraries$/m,
	'and fills the volume as is done here');

# --- The layout

command_ok([ 'make', '-s', '-C', $root, 'with_llvm=no', 'volume', "VOLUME=$volume" ], 'make volume fills a folder');
my @files;
find({ no_chdir => 1, wanted => sub { push @files, File::Spec->abs2rel($_, $volume) if -f } }, $volume);
my @scripts = map { /([^\/]+)$/ } glob "$root/sql/*.sql";
is( join(' ', sort grep { !m{^(system|licenses)/} } @files),
	join(' ', sort 'lib/crm_capi.so', map { "share/extension/$_" } 'crm_capi.control', @scripts),
	'library, control file and scripts lie where they are looked for, and nothing else does');
my @libraries = map { m{^system/(.*)} } @files;
is(scalar(grep { /^lib(curl|phonenumber)\.so/ } @libraries), 2, 'the libraries that no server has are there');
is(scalar(grep { /^lib(c|m|ssl|crypto|stdc\+\+)\.so/ } @libraries), 0, 'those that every server has are not');
ok(-s "$volume/licenses/libphonenumber8/copyright" || glob("$volume/licenses/libphonenumber8*/copyright"),
	'and the terms under which they may be passed on');

# What the base image has is named by a file, as the Dockerfile makes it.
my $base = "$volume-base";
my @all = map { /^\s*(\S+) => / } split /\n/, `ldd $volume/lib/crm_capi.so`;
append_to_file($base, join '', map { "$_\n" } grep { !/^libcurl\./ } @all);
system("mkdir -p $volume-small/lib && cp $volume/lib/crm_capi.so $volume-small/lib/") == 0 or die 'no second volume';
command_ok([ 'sh', '-c', "cd '$root' && sh image/volume.sh $volume-small '$ENV{PG_CONFIG}' $base" ],
	'a volume for an image that has most of them');
is(join(' ', map { /([^\/]+)$/ } glob "$volume-small/system/*"), 'libcurl.so.4', 'holds the one that it lacks');

# --- A server that has the extension from there alone

my ($major) = `$ENV{PG_CONFIG} --version` =~ /PostgreSQL (\d+)/ or die 'no version';

SKIP:
{
	skip "PostgreSQL $major knows no extension_control_path", 5 if $major < 18;

	system('chmod', '-R', 'a-w', $volume) == 0 or die 'the volume cannot be made read-only';
	local $ENV{LD_LIBRARY_PATH} = "$volume/system";
	my $crm = CrmCapi->new('image_volume',
		conf => "extension_control_path = '$volume/share'\ndynamic_library_path = '$volume/lib:\$libdir'\n");
	$crm->change(1 .. 3);
	$crm->arrived_as_committed('events arrive from a server with an image volume');
	is($crm->sql("SELECT DISTINCT probin FROM pg_proc WHERE proname LIKE 'capi%'"),
		'crm_capi', 'the functions name the library and no folder');

	my $pid = $crm->sql("SELECT pid FROM pg_stat_activity WHERE backend_type = 'crm_capi launcher'");
	my %loaded = map { m{^(.*)/([^/]+\.so[.\d]*)$} ? ($2 => $1) : () }
	  map { (split)[5] // '' } split /\n/, slurp_file("/proc/$pid/maps");
	is($loaded{'crm_capi.so'}, "$volume/lib", 'the library is that of the volume');
	is(join(' ', grep { ($loaded{$_} // '') ne "$volume/system" } @libraries),
		'', 'and so is each that it brings along');
	is($crm->sql("SELECT count(*) FROM capi_check() WHERE subject = 'server' AND status <> 'ok'"),
		0, 'the doctor finds a server in good health');
}

done_testing();
