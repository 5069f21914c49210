# Shim.pm - a server under fault_shim.c: the test moves its wall clock and fills its disk.
package Shim;

use strict;
use warnings FATAL => 'all';

use Fcntl qw(O_RDWR);
use File::Basename qw(dirname);
use PostgreSQL::Test::Utils;

# Shim->new($node): builds the shim and restarts the node under it.
sub new
{
	my ($class, $node) = @_;
	my $self = bless { node => $node, library => $node->basedir . '/fault_shim.so',
		orders => $node->basedir . '/fault_shim.orders' }, $class;
	my $source = dirname(__FILE__) . '/fault_shim.c';
	system_or_bail(split(' ', $ENV{CC} // 'cc'), '-shared', '-fPIC', '-O1', '-Wall', '-o', $self->{library},
		$source);
	append_to_file($self->{orders}, "\0" x 4096);
	$node->stop;
	$self->start;
	return $self;
}

# The node's start, with the shim in all its processes.
sub start
{
	my ($self, %options) = @_;
	local $ENV{LD_PRELOAD} = $self->{library};
	local $ENV{FAULT_SHIM} = $self->{orders};
	return $self->{node}->start(%options);
}

sub order
{
	my ($self, $offset, $bytes) = @_;
	sysopen(my $file, $self->{orders}, O_RDWR) or die "no orders: $!";
	sysseek($file, $offset, 0);
	syswrite($file, $bytes) == length $bytes or die "not written: $!";
	close $file;
	return;
}

# The wall clock is off by so many seconds from now on.
sub set_clock { my ($self, $seconds) = @_; $self->order(0, pack 'q', $seconds); return; }

# Files with this in their path cannot grow any more; '' ends it.
sub fill_disk { my ($self, $path) = @_; $self->order(8, pack 'Z256', $path); return; }

1;
