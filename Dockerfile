FROM python:3.13-slim AS build

WORKDIR /build
COPY requirements.txt requirements-build.txt /build/
ENV PIP_NO_CACHE_DIR=1 \
    PIP_DISABLE_PIP_VERSION_CHECK=1 \
    PIP_ROOT_USER_ACTION=ignore
RUN python -m venv --without-pip /opt/venv \
    && pip --python /opt/venv/bin/python install --no-compile --require-hashes -r requirements.txt \
    && pip install --require-hashes -r requirements-build.txt
COPY pyproject.toml hatch_build.py README.md LICENSE /build/
COPY bot /build/bot
# A clone may be closed to others (umask 077), and a wheel keeps the modes: the bot's user reads this.
RUN chmod -R u=rwX,go=rX bot \
    && pip wheel --quiet --no-deps --no-build-isolation --wheel-dir dist . \
    && pip --python /opt/venv/bin/python install --no-compile --no-deps --no-index dist/*.whl
# Compiled once, here: the running bot may not write beside its code. The hashes spare it a look at file times.
RUN python -m compileall -q -j 0 --invalidation-mode unchecked-hash /opt/venv/lib


# `docker build --target demo`; its page is on the host with `docker run --network host`.
FROM build AS demo
WORKDIR /demo
COPY requirements-demo.txt /demo/
RUN pip --python /opt/venv/bin/python install --no-compile --require-hashes -r requirements-demo.txt
COPY sim /demo/sim
COPY demo /demo/demo
USER 65534:65534
ENTRYPOINT ["/opt/venv/bin/python", "-m", "demo"]


FROM python:3.13-slim

LABEL org.opencontainers.image.title="veo-watch-bot" \
      org.opencontainers.image.description="A Discord bot that follows Veo renders on a card in the channel and posts the result once." \
      org.opencontainers.image.licenses="MIT"

# The uid is fixed, so that a folder of the host can be given to it before it is mounted.
RUN groupadd --gid 10001 bot \
    && useradd --uid 10001 --gid bot --no-create-home --home-dir /data --shell /usr/sbin/nologin bot \
    && install -d -o bot -g bot -m 0700 /data
COPY --from=build /opt/venv /opt/venv

ENV PATH=/opt/venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    DATABASE_URL=sqlite:////data/bot.db
WORKDIR /app
USER 10001:10001
VOLUME /data
# Asks the bot's own /healthz; imports neither discord.py nor aiohttp. Measured: 14 MB and 60 ms of CPU each
# time, 21 ms of which are Python's own start; twice a minute, that is 0.2 % of a core.
HEALTHCHECK --interval=30s --timeout=5s --start-period=20s --retries=3 \
    CMD ["python", "-m", "bot.monitoring.probe"]
ENTRYPOINT ["veo-watch-bot"]
