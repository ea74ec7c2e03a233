# The shop for production: bring your own PostgreSQL 16+ and set DATABASE_URL, SECRET_KEY, PUBLIC_URL.
#   docker build --tag bookstore .
#   docker run --env-file production.env --publish 8000:8000 bookstore
#   docker run --env-file production.env bookstore bookstore worker

FROM python:3.13-slim AS build
WORKDIR /build
RUN python -m venv /opt/poetry && /opt/poetry/bin/pip install --no-cache-dir poetry==2.5.1
ENV POETRY_VIRTUALENVS_CREATE=false VIRTUAL_ENV=/opt/bookstore PATH=/opt/bookstore/bin:$PATH
RUN python -m venv /opt/bookstore
COPY pyproject.toml poetry.lock README.md LICENSE ./
RUN /opt/poetry/bin/poetry install --only main --no-root --no-interaction
COPY app app
COPY alembic alembic
RUN /opt/poetry/bin/poetry build --format wheel --no-interaction \
    && pip install --no-cache-dir --no-deps dist/*.whl

FROM python:3.13-slim
RUN useradd --system --uid 10001 --home-dir /srv --shell /usr/sbin/nologin bookstore \
    && install --directory --owner bookstore /srv/var
COPY --from=build /opt/bookstore /opt/bookstore
ENV PATH=/opt/bookstore/bin:$PATH PYTHONUNBUFFERED=1 ENV=production
WORKDIR /srv
USER 10001
EXPOSE 8000
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=3s --start-period=15s \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8000/health', timeout=2)"]
CMD ["bookstore", "serve", "--host", "0.0.0.0", "--workers", "2"]
