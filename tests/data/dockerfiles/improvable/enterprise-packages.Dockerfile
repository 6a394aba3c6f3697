FROM rockylinux:9
RUN dnf -y install httpd && \
    dnf -y install mod_ssl
RUN yum install -y epel-release ; yum clean all
CMD ["httpd", "-DFOREGROUND"]
