package app;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

public class Main {
    public static void main(String[] arguments) throws IOException {
        System.out.println(Files.readString(Path.of("/app/config/greeting.txt")).trim());
    }
}
