# Monitoring.pm - the exporter of the distribution, and its Prometheus, on what docs/monitoring has.
package Monitoring;

use strict;
use warnings FATAL => 'all';

use File::Basename qw(dirname);
use File::Spec;
use HTTP::Tiny;
use IPC::Run;
use JSON::PP;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Time::HiRes;

my $folder = File::Spec->rel2abs(dirname(__FILE__) . '/../../docs/monitoring');
my $exporter = '/usr/bin/prometheus-postgres-exporter';
my $prometheus = '/usr/bin/prometheus';

sub file { return "$folder/$_[0]"; }
sub text_of { return slurp_file(file($_[0])); }

# What is not installed, or an empty string.
sub missing
{
	return join ', ', grep { !-x } $exporter, $prometheus, '/usr/bin/promtool';
}

# Metrics as the file of queries promises them: those that are no labels.
sub promised
{
	my @promised;
	my $group = '';
	my $queries = text_of('queries.yaml');
	while ($queries =~ /^(\w+):$|^    - (\w+):\n        usage: "(\w+)"/mg)
	{
		if (defined $1) { $group = $1; }
		elsif ($3 ne 'LABEL') { push @promised, "${group}_$2"; }
	}
	return @promised;
}

# The query that a group of metrics comes from.
sub query_of
{
	my ($group) = @_;
	my ($line, $lines) = text_of('queries.yaml') =~ /^\Q$group\E:\n  query: (?:"(.*)"|\|\n((?:    .*\n)+))/m
	  or die "no metrics $group";
	return $line // $lines;
}

# An exporter of that server, with these flags beside the file of queries. It is stopped by stop().
sub new
{
	my ($class, $node, @flags) = @_;
	my $self = bless {
		node => $node,
		port => PostgreSQL::Test::Cluster::get_free_port(),
		log => $node->basedir . '/exporter.log',
	}, $class;
	local $ENV{DATA_SOURCE_NAME} = sprintf 'host=%s port=%d user=crm_capi_exporter dbname=postgres sslmode=disable',
	  $node->host, $node->port;
	push @{ $self->{processes} },
	  IPC::Run::start(
		[ $exporter, "--web.listen-address=127.0.0.1:$self->{port}", @flags ],
		'<', \undef, '>&', $self->{log});
	return $self;
}

sub log { return slurp_file($_[0]->{log}); }

# Asks that path until the answer is good.
sub ask
{
	my ($port, $path, $is_good) = @_;
	for (1 .. 10 * $PostgreSQL::Test::Utils::timeout_default)
	{
		my $answer = HTTP::Tiny->new(timeout => 60)->get("http://127.0.0.1:$port$path");
		return $answer->{content} if $answer->{success} && $is_good->($answer->{content});
		Time::HiRes::usleep(100_000);
	}
	return;
}

# The samples of a scrape: "name{labels}" => value, without the label of the server.
sub scrape
{
	my ($self) = @_;
	my $content = ask($self->{port}, '/metrics', sub { $_[0] =~ /^pg_up 1$/m }) or die 'no exporter: ' . $self->log;
	my %samples;
	while ($content =~ /^(crm_capi_\w+)\{([^}]*)\} (\S+)$/mg)
	{
		my ($name, $labels, $value) = ($1, $2, $3);
		$labels = join ',', sort grep { !/^server=/ } split /,/, $labels;
		$samples{"$name\{$labels}"} = $value;
	}
	return %samples;
}

# Lets a Prometheus look at the exporter each second, with the alerts.
sub start_prometheus
{
	my ($self) = @_;
	my $directory = $self->{node}->basedir;
	my $rules = file('alerts.yaml');
	$self->{prometheus} = PostgreSQL::Test::Cluster::get_free_port();
	open my $config, '>', "$directory/prometheus.yml" or die $!;
	print $config <<"YAML";
global:
  scrape_interval: 1s
  evaluation_interval: 1s
rule_files: ['$rules']
scrape_configs:
  - job_name: crm_capi
    static_configs:
      - targets: ['127.0.0.1:$self->{port}']
YAML
	close $config;
	push @{ $self->{processes} },
	  IPC::Run::start(
		[
			$prometheus, "--config.file=$directory/prometheus.yml",
			"--storage.tsdb.path=$directory/prometheus", "--web.listen-address=127.0.0.1:$self->{prometheus}"
		],
		'<', \undef, '>&', "$directory/prometheus.log");
	ask($self->{prometheus}, '/-/ready', sub { 1 }) or die 'no Prometheus: ' . slurp_file("$directory/prometheus.log");
	return;
}

# The series that an expression gives, once it gives some; none if it does not in time.
sub series
{
	my ($self, $expression) = @_;
	(my $escaped = $expression) =~ s/([^\w.-])/sprintf '%%%02X', ord $1/ge;
	my $content = ask($self->{prometheus}, "/api/v1/query?query=$escaped",
		sub { @{ decode_json($_[0])->{data}{result} } });
	return $content ? @{ decode_json($content)->{data}{result} } : ();
}

# The rules as Prometheus sees them, once all have been evaluated.
sub rules
{
	my ($self) = @_;
	my $content = ask($self->{prometheus}, '/api/v1/rules',
		sub { $_[0] !~ /"health":"unknown"/ && $_[0] =~ /"health"/ });
	return map { @{ $_->{rules} } } @{ decode_json($content)->{data}{groups} };
}

sub stop
{
	my ($self) = @_;
	$_->kill_kill(grace => 5) for splice @{ $self->{processes} };
	return;
}

1;
