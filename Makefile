# SPDX-License-Identifier: GPL-2.0
#
# KERNEL=version	builds for and boots that kernel; a release such as 6.12
#			will do; default: the newest one installed together with
#			its headers
# KDIR=directory	its headers, or a kernel tree that was built
# V=1			shows what is done

VM := selftests/vm
kernel = $(shell KERNEL='$(KERNEL)' KDIR='$(KDIR)' $(VM)/kernel.sh $(1))
kernel_version := $(call kernel)
kernel_root := $(call kernel,--root)

ifeq ($(kernel_root),)
KDIR ?= /lib/modules/$(kernel_version)/build
# User-Mode Linux does not follow from the machine
arch = $(if $(shell grep -s ^CONFIG_UML=y $(KDIR)/.config),ARCH=um)
kmake = $(MAKE) --no-print-directory -C $(KDIR) M=$(CURDIR) $(arch)
else
KDIR := $(kernel_root)/usr/src/linux-headers-$(kernel_version)
kmake = $(VM)/kmake.sh
endif
PREFIX ?= /usr/local

all: modules userspace

modules: headers
	+@$(kmake) W=1 modules

modules_install: modules
	@$(if $(kernel_root),echo "$(kernel_version) is not installed" >&2; exit 1)
	+@$(kmake) modules_install

headers:
	@test -e $(KDIR)/Makefile || { \
		echo "No kernel headers in $(KDIR): $(VM)/deps.sh build installs them" >&2; \
		exit 1; }

userspace:
	@$(MAKE) --no-print-directory -C userspace

install: modules_install install-files

install-files: userspace
	@$(MAKE) --no-print-directory -C userspace PREFIX=$(PREFIX) install
	@$(MAKE) --no-print-directory -C packaging PREFIX=$(PREFIX) install

# what install would write is what is removed; changed configuration stays
uninstall:
	@set -e; dir=$$(mktemp -d); trap 'rm -rf $$dir' EXIT; \
	$(MAKE) -s DESTDIR=$$dir install-files; \
	cd $$dir; find . ! -type d | while read -r file; do \
		case $$file in \
		./etc/vshm/*) ! cmp -s $$file $(DESTDIR)/$$file || \
			rm -f $(DESTDIR)/$$file ;; \
		*) rm -f $(DESTDIR)/$$file ;; \
		esac; \
	done
	@rm -f $(INSTALL_MOD_PATH)/lib/modules/$(kernel_version)/*/vshm.ko* \
		$(INSTALL_MOD_PATH)/lib/modules/$(kernel_version)/*/vshm_ivshmem.ko* \
		$(INSTALL_MOD_PATH)/lib/modules/$(kernel_version)/*/vshm_host.ko*

deb:
	@packaging/deb.sh

clean:
	@rm -rf selftests/build
	@$(MAKE) --no-print-directory -C userspace clean
	@if [ -e $(KDIR)/Makefile ]; then \
		$(kmake) clean; fi

demo:
	@$(VM)/demo.sh

check:
	@$(VM)/check.sh lint fuzz host loopback two-vm programs tracers \
		$(if $(BIG),big) $(if $(NESTED),nested)

check-host check-loopback check-two-vm check-programs check-tracers check-big check-nested:
	@$(VM)/check.sh $(@:check-%=%)

# pictures that are made from the source
doc:
	@Documentation/state-machine.py

lint:
	@$(VM)/static.sh lint

check-fuzz:
	@$(VM)/static.sh fuzz

# each event of two_vm/lifecycle.sh more often than in make check
check-lifecycle: export ROUNDS ?= 20
check-lifecycle:
	@$(VM)/check.sh lifecycle

check-debug:
	@$(VM)/debug.sh

check-kernels:
	@$(VM)/check-kernels.sh

check-races:
	@$(VM)/debug.sh -r

check-uml:
	@$(VM)/debug.sh -u

# for hours: STEPS of 10 calls in each of 4 threads, twice; three times STEPS
# of a hostile peer; KILLS of processes
fuzz: export VSHM_STEPS = $(or $(STEPS),125000)
fuzz: export VSHM_KILLS = $(or $(KILLS),1000)
fuzz: export VM_LONG = 200
fuzz:
	@TESTS='$(or $(TESTS),^(fuzz|hostile|kills)$$)' $(VM)/debug.sh -u

check-package:
	@$(VM)/check-package.sh

bench:
	@$(VM)/bench.sh

help:
	@echo 'make			modules and programs'
	@echo 'make install		installs them: modules, vshmd, vshm'
	@echo 'make uninstall		removes what install wrote'
	@echo 'make deb		Debian packages, in packages/'
	@echo 'make clean		removes what was built'
	@echo
	@echo 'These boot VMs, and first install what they need and is missing:'
	@echo 'make demo		a file both ways between two VMs; FILE=path'
	@echo 'make demo DEMO=loopback	the same inside one VM'
	@echo 'make demo DEMO=host	the same between a host and its guest, inside a VM'
	@echo 'make check		all tests; TESTS=regex chooses, BIG=1 adds 1 GiB each way,'
	@echo '			NESTED=1 a host and its guests'
	@echo 'make check-host		tests of vshmd, without a VM'
	@echo 'make check-loopback	tests inside one VM'
	@echo 'make check-two-vm	tests between two VMs'
	@echo 'make check-programs	programs of the distribution, with vshm as AF_VSOCK'
	@echo 'make check-tracers	bpftrace, perf and trace-cmd'
	@echo 'make check-big		1 GiB each way between two VMs'
	@echo 'make check-lifecycle	ends of a link that go and come back, ROUNDS=20 times'
	@echo 'make check-nested	tests between a host and its guests, in a VM; builds a'
	@echo '			small kernel for the guests first: some minutes'
	@echo 'make check-debug	tests in VMs on a kernel with KASAN, lockdep and more,'
	@echo '			which is built first: some minutes'
	@echo 'make check-kernels	a part of them on each kernel that is supported, and on'
	@echo '			arm64; fetches kernels of other suites; SHORT=1 less of it'
	@echo 'make check-races	tests inside one VM on a kernel that finds data races'
	@echo 'make check-uml		tests on a kernel that watches itself and is a process of'
	@echo '			this machine: not emulated, so much faster'
	@echo 'make fuzz		on that kernel, calls at random, a hostile peer, and kills,'
	@echo '			for long; STEPS=125000 KILLS=1000'
	@echo 'make doc		draws the state machine from the table in kernel/state.c'
	@echo 'make check-fuzz		the module and vshmd in userspace, under a fuzzer, for'
	@echo '			FUZZ_TIME=40 seconds'
	@echo 'make lint		static checks of modules, programs and scripts'
	@echo 'make bench		AF_VSHM beside other families, pipes and TCP; MODES=counts ...'
	@echo 'make check-package	the Debian packages, in a clean Debian and with systemd;'
	@echo '			takes root'
	@echo
	@echo 'KERNEL=version or KDIR=directory chooses the kernel, ACCEL=kvm or tcg'
	@echo 'how VMs run it, V=1 shows builds.'

.PHONY: all doc modules modules_install headers userspace install install-files \
	uninstall deb clean demo help \
	check check-host check-loopback check-two-vm check-programs \
	check-tracers check-big check-nested check-lifecycle check-debug check-kernels \
	check-package check-races check-uml check-fuzz fuzz lint bench doc
