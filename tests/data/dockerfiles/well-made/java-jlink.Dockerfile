FROM eclipse-temurin:21-jdk AS build
WORKDIR /build
COPY mvnw pom.xml ./
COPY .mvn .mvn
RUN ./mvnw -B dependency:go-offline
COPY src src
RUN ./mvnw -B package -DskipTests
RUN jlink --add-modules java.base,java.logging,java.naming,jdk.unsupported \
    --strip-debug --no-man-pages --no-header-files --compress=2 --output /javaruntime

FROM debian:bookworm-slim
ENV JAVA_HOME=/opt/java
ENV PATH="${JAVA_HOME}/bin:${PATH}"
COPY --from=build /javaruntime $JAVA_HOME
COPY --from=build /build/target/app.jar /opt/app.jar
ENTRYPOINT ["java", "-jar", "/opt/app.jar"]
