# Two stages: what builds stays behind. Runs as a user without rights; Postgres comes embedded, or
# from EUNOE_DATABASE_URL. `python -m deploy.rehearsal` runs these steps without an engine.
FROM python:3.11-slim AS build
WORKDIR /src
COPY pyproject.toml README.md LICENSE constraints.txt ./
COPY clients/python clients/python
COPY server server
RUN python -m venv /opt/eunoe \
 && /opt/eunoe/bin/pip install --no-cache-dir -c constraints.txt ./clients/python '.[otel]'

FROM python:3.11-slim
RUN useradd --system --uid 10001 --create-home --home-dir /var/lib/eunoe eunoe
COPY --from=build /opt/eunoe /opt/eunoe
ENV PATH=/opt/eunoe/bin:$PATH \
    EUNOE_DATA_DIR=/var/lib/eunoe/data \
    EUNOE_HTTP_ADDRESS=0.0.0.0:8080 \
    EUNOE_GRPC_ADDRESS=0.0.0.0:50051 \
    EUNOE_OPS_ADDRESS=0.0.0.0:9090
# By number, so that a cluster can see that it is not root.
USER 10001
VOLUME /var/lib/eunoe
EXPOSE 8080 50051 9090
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s CMD ["eunoe", "health"]
CMD ["eunoe", "serve"]
