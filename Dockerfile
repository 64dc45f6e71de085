# VigilBot in a container. Build: docker build -t vigilbot .
# Run: docker run --env-file vigilbot.env -v vigilbot:/data vigilbot
# vigilbot.env holds SLACK_BOT_TOKEN and SLACK_APP_TOKEN, one NAME=value a line, and settings such as
# VIGILBOT_SCOPE_STATEMENT. Health and metrics are on port 8080 inside; publish it only where you trust the network.
FROM python:3.12-slim AS build
RUN apt-get update && apt-get install --yes --no-install-recommends make && rm -rf /var/lib/apt/lists/*
WORKDIR /opt/vigilbot
COPY Makefile pyproject.toml requirements.lock README.md LICENSE ./
COPY vigilbot vigilbot
COPY prompts prompts
# Pinned as for everybody: `make install` knows how. Without its cache the layer is half the size.
RUN PIP_NO_CACHE_DIR=1 make install PYTHON=python3.12

FROM python:3.12-slim
RUN useradd --system --uid 10001 --home-dir /data --shell /usr/sbin/nologin vigilbot \
    && install --directory --owner=vigilbot --group=vigilbot --mode=0700 /data
COPY --from=build /opt/vigilbot /opt/vigilbot
ENV PATH=/opt/vigilbot/.venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    HOME=/data \
    VIGILBOT_DATA_DIR=/data \
    VIGILBOT_SERVER_HOST=0.0.0.0
WORKDIR /opt/vigilbot
USER vigilbot
VOLUME /data
EXPOSE 8080
# Alive, not ready: a bot whose platform is away must not be killed for it.
HEALTHCHECK --interval=30s --timeout=5s --start-period=60s CMD \
    ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8080/healthz', timeout=4)"]
# SIGTERM ends it cleanly within 30 seconds: docker stop --time 30
STOPSIGNAL SIGTERM
CMD ["vigilbot", "run"]
