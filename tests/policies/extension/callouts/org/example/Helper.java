package org.example;

/** Stands in another jar than the callout. */
public class Helper {
    private static int greeted;

    public static String greet(String name) {
        return "Hello " + name + " " + ++greeted;
    }
}
