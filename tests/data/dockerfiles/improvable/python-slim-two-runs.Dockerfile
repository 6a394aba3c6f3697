FROM python:3.12-slim
RUN apt-get update
RUN apt-get install -y curl git   # tools
RUN rm -rf /var/lib/apt/lists/*
RUN pip3 install flask==3.0 \
    gunicorn
COPY app /srv
CMD ["gunicorn", "app:app"]
