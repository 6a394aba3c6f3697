public class Main {
    public static void main(String[] arguments) {
        System.out.println("hello from " + System.getProperty("java.specification.version"));
    }
}
