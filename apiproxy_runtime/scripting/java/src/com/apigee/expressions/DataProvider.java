package com.apigee.expressions;

/** Whatever gives values by name. */
public interface DataProvider {
    @SuppressWarnings("rawtypes")
    <T extends Comparable> T get(String name);
}
