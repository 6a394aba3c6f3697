FROM python:3.11
WORKDIR /app
RUN apt-get update && apt-get install -y \
    build-essential \
    libpq-dev
# the requirements
COPY requirements.txt .
RUN pip install --upgrade pip && pip install -r requirements.txt
COPY . .
RUN chown -R 1000:1000 /app
USER 1000
CMD gunicorn site.wsgi
