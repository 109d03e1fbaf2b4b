package com.apigee.flow.message;

import java.io.InputStream;
import java.io.Serializable;
import java.util.Collection;
import java.util.List;
import java.util.Set;

/** A message as the transport sees it. */
public interface TransportMessage extends Serializable {
    String getTransportID();

    Object getProperty(String name);

    boolean setProperty(String name, String value);

    boolean removeProperty(String name);

    Set<String> getHeaderNames();

    String getHeader(String name);

    String getHeader(String name, int index);

    List<String> getHeaders(String name);

    String getHeadersAsString(String name);

    Object getHeadersAsObject(String name);

    boolean setHeader(String name, String value);

    boolean setHeader(String name, int index, String value);

    boolean setHeader(String name, Collection<String> values);

    boolean removeHeader(String name);

    boolean removeHeader(String name, int index);

    void setContent(InputStream content);

    InputStream getContent();

    String getContentAsString(String charset);
}
