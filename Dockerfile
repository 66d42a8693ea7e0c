# syntax=docker/dockerfile:1
ARG RUST_VERSION=1.95

FROM rust:${RUST_VERSION}-slim-bookworm AS build
WORKDIR /src
COPY . .
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/src/target \
    cargo build --release --locked --bin tidegate \
    && install -D target/release/tidegate /out/tidegate

FROM debian:bookworm-slim
# For sslmode=verify-full to a managed PostgreSQL.
RUN apt-get update \
    && apt-get install -y --no-install-recommends ca-certificates \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --system --uid 10001 --no-create-home --shell /usr/sbin/nologin tidegate
COPY --from=build /out/tidegate /usr/local/bin/tidegate
COPY LICENSE /usr/share/doc/tidegate/LICENSE
USER 10001
EXPOSE 6432 6433
STOPSIGNAL SIGTERM
# Asks the router itself; set HEALTH_PORT where `http` in router.yaml has another port.
ENV HEALTH_PORT=6433
HEALTHCHECK --interval=5s --timeout=3s --start-period=10s --retries=3 CMD ["bash", "-c", \
    "exec 3<>/dev/tcp/127.0.0.1/$HEALTH_PORT && printf 'GET /healthz HTTP/1.0\\r\\nHost: localhost\\r\\n\\r\\n' >&3 && head -n1 <&3 | grep -q ' 200'"]
ENTRYPOINT ["tidegate"]
CMD ["serve", "-c", "/etc/tidegate/router.yaml"]
