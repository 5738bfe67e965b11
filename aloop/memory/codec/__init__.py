"""The session file format: conversion between session records and YAML text."""
