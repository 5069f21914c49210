# StandIn.pm - a test's handle on the stand-in for Meta (test/endpoint).
package StandIn;

use strict;
use warnings FATAL => 'all';

use Carp;
use File::Basename qw(dirname);
use File::Spec;
use IPC::Open2;
use IPC::Run;
use JSON::PP;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

our $TOKEN = 'EAABtaptoken';
our $DATASET = '1234567890123456';
our $OTHER_DATASET = '2234567890123456';

my $programs = File::Spec->rel2abs(dirname(__FILE__) . '/../endpoint');
my @running;

# StandIn->new($directory, @options of endpoint.py): starts it and returns when it listens. Without
# options: TLS, one token, two datasets. Its port is reserved as a server's is: during an outage nobody
# else gets it, neither a test beside this one nor a client.
sub new
{
	my ($class, $directory, @options) = @_;
	my $self = bless {
		directory => $directory,
		port => PostgreSQL::Test::Cluster::get_free_port() }, $class;
	@options = ('--token', $TOKEN, '--dataset', $DATASET, '--dataset', $OTHER_DATASET)
	  unless @options;
	$self->start(@options);
	return $self;
}

# Also after stop: on the same port and with the same records, as after an outage.
sub start
{
	my ($self, @options) = @_;
	$self->{options} = \@options if @options;
	my $stdout = '';
	my @command = ('python3', "$programs/endpoint.py", '--directory', $self->{directory},
		'--port', $self->{port}, @{ $self->{options} });
	$self->{process} = IPC::Run::start(
		\@command, '<', \undef, '>', \$stdout,
		'2>', "$self->{directory}.stderr");
	$self->{process}->pump until $stdout =~ /\n/;
	push @running, $self;
	return;
}

sub stop
{
	my ($self) = @_;
	return unless $self->{process};
	$self->{process}->kill_kill(grace => 5);
	delete $self->{process};
	@running = grep { $_ != $self } @running;
	return;
}

sub directory { return $_[0]->{directory}; }
sub ca_file { return "$_[0]->{directory}/ca.pem"; }

# The server's (certificate, key), for a proxy that speaks in its place.
sub certificate { return map { "$_[0]->{directory}/tls/server.$_" } 'pem', 'key'; }

sub url
{
	my ($self) = @_;
	my $url = slurp_file("$self->{directory}/url");
	chomp $url;
	return $url;
}

# One call of control.py: (exit code, output).
sub control
{
	my ($self, @arguments) = @_;
	my $answer = ask('--directory', $self->{directory}, map { "$_" } @arguments);
	my ($code, $error) = @$answer{qw(code error)};
	croak "control.py @arguments: $error" if $code > 1;
	diag $error if $code == 1;
	return wantarray ? ($code, $answer->{output}) : $answer->{output};
}

# One control.py for all calls of this process and of all stand-ins: starting Python costs a test more
# than what it asks. A process that was forked off asks its own.
my ($session, $to_session, $from_session);

sub ask
{
	my (@arguments) = @_;
	if (!defined $session || $session->{owner} != $$)
	{
		my $pid = open2($from_session, $to_session, 'python3', "$programs/control.py", 'session');
		$session = { owner => $$, pid => $pid };
	}
	# Rules are encoded already: their bytes must not be encoded again.
	print $to_session JSON::PP->new->encode(\@arguments), "\n";
	$to_session->flush;
	my $answer = <$from_session>;
	croak "control.py @arguments: it has died" unless defined $answer;
	return decode_json($answer);
}

# The rules from now on; none: everything is accepted as Meta would.
sub script
{
	my ($self, @rules) = @_;
	$self->control('script', encode_json({ rules => \@rules }));
	return;
}

sub settings
{
	my ($self, %changes) = @_;
	$self->control('settings', encode_json(\%changes));
	return;
}

sub release { my ($self, @arguments) = @_; $self->control('release', @arguments); return; }
sub state { return decode_json(scalar $_[0]->control('state')); }

# Forgets what arrived, so that the next test counts from nothing.
sub forget { $_[0]->control('reset'); return; }

# Waits until at least (0: until exactly) so many. $what is accepted, requests, started, in-flight,
# held, connections, refused or tls-failures. Returns whether it came so far.
sub wait_for
{
	my ($self, $what, $number, @options) = @_;
	my ($code) = $self->control("wait-$what", $number, '--timeout',
		$PostgreSQL::Test::Utils::timeout_default, @options);
	return $code == 0;
}

# What was recorded, line by line. Numbers keep all their digits.
sub accepted { return $_[0]->lines('accepted'); }
sub requests { return $_[0]->lines('requests'); }

sub lines
{
	my ($self, $name) = @_;
	return map { decode_json($_) } split /\n/, slurp_file("$self->{directory}/$name.jsonl");
}

# What was accepted more than once, one "lead_id event_name" a line. Repeats must have one event_id;
# those that do not are marked.
sub repeated
{
	my ($self) = @_;
	my (%times, %ids);
	for my $line ($self->accepted)
	{
		my $event = "$line->{event}{user_data}{lead_id} $line->{event}{event_name}";
		$times{$event}++;
		$ids{$event}{ $line->{event}{event_id} } = 1;
	}
	return join "\n",
	  map { $_ . (keys %{ $ids{$_} } > 1 ? ' (other event_id)' : '') }
	  sort grep { $times{$_} > 1 } keys %times;
}

# compare.py on a file of expected events: (whether they agree, what it says).
sub compare
{
	my ($self, $expected, @options) = @_;
	my $output = '';
	my $agrees = IPC::Run::run(
		[
			'python3', "$programs/compare.py", '--directory', $self->{directory},
			'--expected', $expected, @options
		],
		'<', \undef, '>', \$output, '2>&1');
	return ($agrees, $output);
}

# For the log of a failed test.
sub last_requests
{
	my ($self) = @_;
	my @lines = split /\n/, slurp_file("$self->{directory}/requests.jsonl");
	splice @lines, 0, -20 if @lines > 20;
	return join "\n", @lines, slurp_file("$self->{directory}.stderr");
}

# Tests that die leave no process behind.
sub stop_all
{
	my @all = @running;
	$_->stop for @all;
	if (defined $session && $session->{owner} == $$)
	{
		close $to_session;
		close $from_session;
		waitpid $session->{pid}, 0;
		undef $session;
	}
	return;
}

1;
