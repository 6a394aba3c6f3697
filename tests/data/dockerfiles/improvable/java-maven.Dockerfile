FROM maven:3-eclipse-temurin-21
WORKDIR /src
COPY pom.xml .
COPY src src
RUN mvn -B package
ENTRYPOINT ["java", "-jar", "target/app.jar"]
