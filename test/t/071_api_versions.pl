# The version of the API that is asked for, and what is said where Meta does not understand the address.

use strict;
use warnings FATAL => 'all';

use CrmCapi;
use PostgreSQL::Test::Utils;
use Test::More;

my $crm = CrmCapi->new('api_versions', conf => "crm_capi.poll_interval = '1h'\n");
my $endpoint = $crm->endpoint;

sub last_version { return ($endpoint->requests)[-1]{api_version}; }

$crm->change(1);
$crm->arrived_as_committed('an event arrives');
is(last_version(), 'v27.0', 'the newest version is the default');

# --- A version that does not exist

$crm->forget;
$crm->sql("ALTER SERVER sales OPTIONS (ADD api_version 'v99.0')");
$crm->change(2);
ok( $crm->until_true("SELECT health = 'held' FROM capi_status WHERE dataset = 'sales'"),
	'code 2500 holds the dataset');
is( $crm->sql("SELECT l.reason_code || ' ' || l.error_code FROM capi_request_log l
               WHERE outcome = 'held' ORDER BY id DESC LIMIT 1"),
	'path_unknown 2500', 'with a reason of its own');
my $hint = $crm->sql("SELECT hint FROM capi_check() WHERE subject = 'sales' AND check_name = 'health'");
like($hint, qr/access token.*proxy.*Authorization.*api_version.*dataset_id/,
	'whose hint names the token, a proxy that strips it, the version, and the dataset');
$crm->sql('ALTER SERVER sales OPTIONS (DROP api_version)');
$crm->arrived_as_committed('the event arrives when the version is one');

# --- One that Meta has brought out after this release

$crm->forget;
$endpoint->settings(versions => [ 'v27.0', 'v28.0' ]);
$crm->sql("ALTER SERVER sales OPTIONS (ADD api_version 'v28.0')");
$crm->change(3);
$crm->arrived_as_committed('a version that is newer than this release is asked for as it is set');
is(last_version(), 'v28.0', 'and no other');
is( $crm->sql("SELECT status || ' ' || detail FROM capi_check()
               WHERE subject = 'sales' AND check_name = 'api_version'"),
	'ok Version v28.0 is newer than this release of crm_capi.',
	'and the doctor finds no fault in it');

# --- No token arrives

$crm->forget;
$crm->sql('ALTER SERVER sales OPTIONS (DROP api_version)');
$endpoint->script({ times => 1, action => { code => 2500, status => 400 } });
$crm->change(4);
$crm->arrived_as_committed('what is held for code 2500 goes on by itself when it is over');

done_testing();
