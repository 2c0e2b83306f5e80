# The studio, web server and worker alike: `docker compose up` starts both (compose.yaml).
FROM python:3.12-slim AS wheel
WORKDIR /source
COPY pyproject.toml README.md LICENSE ./
COPY src src
RUN python -m pip wheel --no-cache-dir --no-deps --wheel-dir /wheels .

FROM python:3.12-slim
COPY constraints.txt /tmp/constraints.txt
RUN --mount=type=bind,from=wheel,source=/wheels,target=/wheels \
    wheel="$(ls /wheels/photochrom-*.whl)" \
    && python -m pip install --no-cache-dir --no-compile --constraint /tmp/constraints.txt \
        "${wheel}[formats,oidc,servers,video,web]" \
    && rm /tmp/constraints.txt \
    && useradd --system --uid 10001 --no-create-home --home-dir /data photochrom \
    && install -d -o photochrom -m 0700 /data
ENV PYTHONUNBUFFERED=1 \
    PHOTOCHROM_WEB_DATA_DIR=/data
VOLUME /data
USER 10001
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8000/readyz', timeout=4)"]
CMD ["photochrom", "serve", "--host", "0.0.0.0"]
