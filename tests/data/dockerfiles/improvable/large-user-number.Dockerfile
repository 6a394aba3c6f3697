FROM registry.example.org/team/base:1
RUN groupadd -g 1000650000 app && useradd -u 1000650000 -g app app
USER app
CMD ["id"]
