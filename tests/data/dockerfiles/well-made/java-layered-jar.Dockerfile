FROM eclipse-temurin:21-jre AS extract
WORKDIR /extract
COPY target/service.jar service.jar
RUN java -Djarmode=tools -jar service.jar extract --layers --launcher

FROM eclipse-temurin:21-jre
RUN useradd --system --no-log-init --uid 70000 spring
WORKDIR /application
COPY --from=extract /extract/service/dependencies/ ./
COPY --from=extract /extract/service/spring-boot-loader/ ./
COPY --from=extract /extract/service/application/ ./
USER spring
ENTRYPOINT ["java", "org.springframework.boot.loader.launch.JarLauncher"]
