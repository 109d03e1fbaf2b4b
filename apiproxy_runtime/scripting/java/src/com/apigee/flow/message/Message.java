package com.apigee.flow.message;

import java.io.InputStream;
import java.util.List;
import java.util.Set;

/** A request or a response. Indexes count from 1. */
public interface Message {
    Set<String> getHeaderNames();

    String getHeader(String name);

    String getHeader(String name, int index);

    List<String> getHeaders(String name);

    String getHeadersAsString(String name);

    Object getHeadersAsObject(String name);

    boolean setHeader(String name, Object value);

    boolean setHeader(String name, int index, Object value);

    boolean removeHeader(String name);

    boolean removeHeader(String name, int index);

    String getContent();

    InputStream getContentAsStream();

    void setContent(InputStream content);

    void setContent(String content);

    /** A part of the message by the name it has as a flow variable: `header.X`, `status.code`. */
    <T> T getVariable(String name);

    boolean setVariable(String name, Object value);

    boolean removeVariable(String name);

    Set<String> getQueryParamNames();

    int getQueryParamsCount();

    String getQueryParam(String name);

    int getQueryParamValuesCount(String name);

    String getQueryParam(String name, int index);

    List<String> getQueryParams(String name);

    String getQueryParamsAsString(String name);

    boolean setQueryParam(String name, Object value);

    boolean setQueryParam(String name, int index, Object value);

    boolean removeQueryParam(String name);

    boolean removeQueryParam(String name, int index);

    TransportMessage getTransportMessage();
}
