# Two images of the extension, built from this checkout:
#
#   docker build -t crm_capi .                            the official PostgreSQL image and the extension
#   docker build -t crm_capi-volume --target volume .     the extension's files alone, as an image volume
#
# BASE is the image that the server runs from, PG_MAJOR its version; docs/install.md says more. For a
# volume BASE must be the very image of the cluster, since libraries that it has are left out:
#
#   docker build -t crm_capi-volume --target volume \
#       --build-arg BASE=ghcr.io/cloudnative-pg/postgresql:18-minimal-trixie .

ARG BASE=postgres:18-trixie

FROM ${BASE} AS build
ARG PG_MAJOR=18
USER root
# What the base has, before anything is added to it.
RUN ldconfig -p | sed -n 's/^[[:space:]]*\([^ ]*\) .*/\1/p' >/libraries
RUN apt-get update && apt-get install -y --no-install-recommends \
    make g++ postgresql-server-dev-${PG_MAJOR} \
    libcurl4-openssl-dev nlohmann-json3-dev libssl-dev libicu-dev libphonenumber-dev
COPY . /src
WORKDIR /src
ENV PG_CONFIG=/usr/lib/postgresql/${PG_MAJOR}/bin/pg_config
RUN make -j"$(nproc)" with_llvm=no all \
    && make with_llvm=no install DESTDIR=/server \
    && make with_llvm=no volume VOLUME=/volume LIBRARIES=/libraries
# The packages that the library was linked with, for the image of the server.
RUN ldd crm_capi.so | sed -n 's/.* => \(\/[^ ]*\) .*/\1/p' | xargs -n 1 readlink -f \
    | xargs dpkg-query -S 2>/dev/null | sed 's/:.*//' | sort -u >/packages

# Read-only files, for PostgreSQL 18 and newer: share/, lib/, and system/ for ld_library_path.
FROM scratch AS volume
COPY --from=build /volume /

FROM ${BASE} AS server
COPY --from=build /packages /tmp/packages
RUN apt-get update && xargs apt-get install -y --no-install-recommends ca-certificates </tmp/packages \
    && rm -rf /var/lib/apt/lists/* /tmp/packages
COPY --from=build /server /
CMD ["postgres", "-c", "shared_preload_libraries=crm_capi"]
