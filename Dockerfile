# SPDX-FileCopyrightText: The DomainPatch Authors
# SPDX-License-Identifier: Apache-2.0

# The images of make image, for those who build with a container engine:
#   docker build --target shim -t domainpatch/shim:dev .
#   docker build --target manager -t domainpatch/manager:dev .
# Docker before 23.0 needs DOCKER_BUILDKIT=1 for it. Without --build-arg VERSION and REVISION the labels say unknown and nothing.
# The Makefile alone knows how the programs are built. A test of hack/image compares the rest with what make image does.

FROM --platform=$BUILDPLATFORM golang:1.26 AS source
WORKDIR /src
COPY . .
ARG TARGETARCH
ENV GOOS=linux GOARCH=$TARGETARCH

FROM source AS build-shim
RUN --mount=type=cache,target=/go/pkg/mod --mount=type=cache,target=/root/.cache/go-build make build-shim BIN=/out

FROM source AS build-manager
RUN --mount=type=cache,target=/go/pkg/mod --mount=type=cache,target=/root/.cache/go-build make build-manager BIN=/out

FROM scratch AS shim
ARG VERSION=unknown REVISION
COPY --from=build-shim /out/shim /shim
LABEL org.opencontainers.image.title="DomainPatch shim"
LABEL org.opencontainers.image.description="Applies patches to a KubeVirt VM's libvirt domain and cloud-init data over KubeVirt's hook protocol"
LABEL org.opencontainers.image.source="https://github.com/domainpatch/domainpatch"
LABEL org.opencontainers.image.licenses="Apache-2.0"
LABEL org.opencontainers.image.version="$VERSION"
LABEL org.opencontainers.image.revision="$REVISION"
ENV PATH="/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
WORKDIR /
USER 107:107
ENTRYPOINT ["/shim"]

FROM scratch AS manager
ARG VERSION=unknown REVISION
COPY --from=build-manager /out/manager /manager
LABEL org.opencontainers.image.title="DomainPatch manager"
LABEL org.opencontainers.image.description="The operator that gives KubeVirt VMs their patches"
LABEL org.opencontainers.image.source="https://github.com/domainpatch/domainpatch"
LABEL org.opencontainers.image.licenses="Apache-2.0"
LABEL org.opencontainers.image.version="$VERSION"
LABEL org.opencontainers.image.revision="$REVISION"
ENV PATH="/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
WORKDIR /
USER 65532:65532
ENTRYPOINT ["/manager"]
