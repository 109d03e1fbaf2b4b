package com.apigee.flow;

import com.apigee.flow.message.MessageContext;
import java.util.HashMap;
import java.util.Map;

/** What went wrong in a transaction. */
public class Fault implements FlowInfo {
    /** Where faults come from. */
    public enum Category {
        Messaging,
        Step,
        Transport,
        System
    }

    private final Category category;
    private final String subCategory;
    private final Throwable exception;
    private final String name;
    private Map<String, Object> attributes = new HashMap<>();

    public Fault(Category category, String subCategory, Throwable exception) {
        this(category, subCategory, exception, exception == null ? null : exception.getClass().getSimpleName());
    }

    protected Fault(Category category, String subCategory, Throwable exception, String name) {
        this.category = category;
        this.subCategory = subCategory;
        this.exception = exception;
        this.name = name;
    }

    @Override
    public String getIdentifier() {
        return "fault";
    }

    public Category getCategory() {
        return category;
    }

    public String getSubCategory() {
        return subCategory;
    }

    public String getName() {
        return name;
    }

    public String getReason() {
        return exception == null ? null : exception.getMessage();
    }

    public Throwable getException() {
        return exception;
    }

    public Map<String, Object> getAttributes() {
        return attributes;
    }

    public void setAttributes(Map<String, Object> attributes) {
        this.attributes = attributes;
    }

    public void addAttribute(String name, Object value) {
        attributes.put(name, value);
    }

    @Override
    @SuppressWarnings("unchecked")
    public <T> T getValue(String name, MessageContext messageContext) {
        switch (name) {
            case "category":
                return (T) (category == null ? null : category.name());
            case "subcategory":
                return (T) subCategory;
            case "name":
                return (T) getName();
            case "reason":
                return (T) getReason();
            default:
                return (T) attributes.get(name);
        }
    }

    public static Fault newFault(Category category, String subCategory, Throwable exception) {
        return new Fault(category, subCategory, exception);
    }

    public static Fault newFault(
            Category category, String subCategory, Throwable exception, Map<String, Object> attributes) {
        Fault fault = new Fault(category, subCategory, exception);
        fault.setAttributes(attributes);
        return fault;
    }

    public static Fault newStepFault(String subCategory, Throwable exception) {
        return newFault(Category.Step, subCategory, exception);
    }

    public static Fault newStepFault(String subCategory, Throwable exception, Map<String, Object> attributes) {
        return newFault(Category.Step, subCategory, exception, attributes);
    }

    public static Fault newMessagingFault(String subCategory, Throwable exception) {
        return newFault(Category.Messaging, subCategory, exception);
    }

    public static Fault newMessagingFault(String subCategory, Throwable exception, Map<String, Object> attributes) {
        return newFault(Category.Messaging, subCategory, exception, attributes);
    }

    public static Fault newTransportFault(String subCategory, Throwable exception) {
        return newFault(Category.Transport, subCategory, exception);
    }

    public static Fault newTransportFault(String subCategory, Throwable exception, Map<String, Object> attributes) {
        return newFault(Category.Transport, subCategory, exception, attributes);
    }
}
