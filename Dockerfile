# The shop for production: bring your own PostgreSQL 16+ and set DATABASE_URL, SECRET_KEY, PUBLIC_URL.
#   docker build --tag bookstore .
#   docker run --env-file production.env bookstore bookstore db migrate
#   docker run --env-file production.env --stop-timeout 35 --publish 8000:8000 bookstore
#   docker run --env-file production.env --stop-timeout 35 --no-healthcheck bookstore bookstore worker
# A worker has no port to ask, hence no health check. Mails that no SMTP_HOST takes are written to
# /srv/var/mail: mount a volume there to keep them.

FROM python:3.13-slim AS build
WORKDIR /build
RUN python -m venv /opt/poetry && /opt/poetry/bin/pip install --no-cache-dir poetry==2.5.1
ENV POETRY_VIRTUALENVS_CREATE=false VIRTUAL_ENV=/opt/bookstore
RUN python -m venv --without-pip /opt/bookstore
COPY pyproject.toml poetry.lock ./
RUN /opt/poetry/bin/poetry install --only main --no-root --compile --no-interaction
COPY README.md LICENSE ./
COPY app app
COPY alembic alembic
RUN /opt/poetry/bin/poetry build --format wheel --no-interaction \
    && /opt/poetry/bin/pip --python /opt/bookstore/bin/python install --no-cache-dir --no-deps dist/*.whl

FROM python:3.13-slim
RUN groupadd --gid 10001 bookstore \
    && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /srv --shell /usr/sbin/nologin bookstore \
    && install -d -o 10001 -g 10001 /srv/var
COPY --from=build /opt/bookstore /opt/bookstore
ENV PATH=/opt/bookstore/bin:$PATH PYTHONUNBUFFERED=1 ENV=production
WORKDIR /srv
USER 10001:10001
EXPOSE 8000
STOPSIGNAL SIGTERM
# Without proxies: Docker may set HTTP_PROXY in every container, and no proxy reaches this address.
HEALTHCHECK --interval=10s --timeout=3s --start-period=15s \
    CMD ["python", "-c", "from urllib.request import ProxyHandler, build_opener; build_opener(ProxyHandler({})).open('http://127.0.0.1:8000/health', timeout=2)"]
CMD ["bookstore", "serve", "--host", "0.0.0.0", "--workers", "2"]
